"""What an experiment's figure or table shows: one file a view, each with `view(study, **options) -> list[Output]`.

Views draw what is on disk and say n; where nothing is, they raise UserError. They write no files.
"""
