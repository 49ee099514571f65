"""What stands in a legend: the method's name and all that sets it apart, nothing else."""

from typing import Any

from altool.analysis.label import Variant, labels, method_name, panel_title


def variant(strategy: str, budget: str = "1k", cell: str = "", compat: str = "recommended", **keys):
    overrides: dict[str, Any] = {key.replace("__", "."): value for key, value in keys.items()}
    return Variant(strategy, compat, overrides, budget, cell)


def test_proper_names():
    assert method_name("ta_vaal") == "TA-VAAL"
    assert method_name("learning_loss_v2") == "Learning loss v2"
    assert method_name("my_own") == "my_own"
    assert panel_title("cifar10", "step100", "resnet18") == "CIFAR-10, step100, ResNet-18"
    assert panel_title("mnist", "none", "cnn") == "MNIST, CNN"


def test_a_preset_is_named_even_where_it_stands_alone():
    assert labels([variant("ta_vaal", strategy__size="small")]) == (["TA-VAAL (size=small)"], "")


def test_shared_settings_go_into_the_note_and_the_others_into_the_label():
    texts, note = labels(
        [
            variant("random", learner__epochs=5, dataset__val=0),
            variant("ta_vaal", learner__epochs=5, strategy__lr=5e-4, strategy__joint=True),
        ]
    )
    assert texts == ["Random (dataset.val=0)", "TA-VAAL (joint=true, lr=0.0005)"]
    assert note == "learner.epochs=5"


def test_another_mode_of_faithfulness_is_said():
    texts, _ = labels([variant("vaal"), variant("vaal", compat="release2021")])
    assert texts == ["VAAL", "VAAL (compat=release2021)"]


def test_equal_names_are_told_apart_by_budget_and_then_by_folder():
    texts, _ = labels([variant("vaal", "1+1×4"), variant("vaal", "1+1×9"), variant("random", "1")])
    assert texts == ["VAAL (1+1×4)", "VAAL (1+1×9)", "Random"]
    texts, _ = labels([variant("vaal", cell="a"), variant("vaal", cell="b")])
    assert texts == ["VAAL (1k, a)", "VAAL (1k, b)"]


def test_a_long_value_keeps_its_end():
    texts, _ = labels([variant("vaal"), variant("vaal", dataset__path="/very/long/way/to/my/set")])
    assert texts[1] == "VAAL (dataset.path=/very/long/way/to/my/set)"
    texts, _ = labels([variant("vaal"), variant("vaal", dataset__path="/a/very/long/way/to/my/set")])
    assert texts[1] == "VAAL (dataset.path=…very/long/way/to/my/set)"
