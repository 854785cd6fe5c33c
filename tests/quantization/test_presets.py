"""Schemes: what each CPU and target gets, and that every decision is explained."""

from __future__ import annotations

import pytest

from calibtui.core.errors import SettingsError
from calibtui.quantization.cpu import CpuFeatures, cpu_features, parse_cpuinfo
from calibtui.quantization.presets import preset
from calibtui.workspace.settings import QuantizationSettings

AVX2_ONLY = CpuFeatures("x86", avx2=True)
VNNI = CpuFeatures("x86", avx2=True, avx512=True, vnni=True)
ARM = CpuFeatures("arm", dot_product=True)
PLAIN = QuantizationSettings()


@pytest.mark.parametrize(
    ("text", "machine", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", "x86_64", CpuFeatures("x86", True, True, True)),
        ("flags\t\t: fpu avx2 avx_vnni", "x86_64", CpuFeatures("x86", True, False, True)),
        ("flags\t\t: fpu sse2", "x86_64", CpuFeatures("x86")),
        ("Features\t: fp asimd asimddp", "aarch64", ARM),
        ("Features\t: fp asimd", "aarch64", CpuFeatures("arm")),
        ("", "riscv64", CpuFeatures("other")),
        ("model name : avx2 vnni\nflags : sse", "x86_64", CpuFeatures("x86")),
    ],
)
def test_features_are_read_from_cpuinfo(text, machine, expected):
    assert parse_cpuinfo(text, machine) == expected


def test_this_machine_has_features():
    assert cpu_features().architecture in ("x86", "arm", "other")


def test_with_vnni_weights_use_their_full_range():
    scheme = preset("ort-cpu", PLAIN, VNNI)
    assert (scheme.activations, scheme.weights, scheme.per_channel) == ("uint8", "int8", True)
    assert not scheme.reduce_range and "VNNI" in scheme.why[-1]


def test_without_vnni_the_file_itself_avoids_saturation():
    scheme = preset("ort-cpu", PLAIN, AVX2_ONLY)
    assert scheme.reduce_range and "saturates" in scheme.why[-1]
    assert not preset("ort-cpu", PLAIN, ARM).reduce_range


@pytest.mark.parametrize("target", ["tensorrt", "ort-cuda"])
def test_targets_without_zero_points_get_symmetric_int8_and_float_outputs(target):
    scheme = preset(target, PLAIN, VNNI)
    assert scheme.symmetric_activations and scheme.activations == "int8"
    assert not scheme.quantize_outputs and not scheme.quantize_bias and scheme.simulate


@pytest.mark.parametrize(
    ("here", "kind"), [(VNNI, "vnni"), (AVX2_ONLY, "avx2"), (ARM, "arm"), (CpuFeatures("other"), "other")]
)
def test_auto_means_this_machine_and_its_own_kernels(here, kind):
    scheme = preset("ort-cpu", PLAIN, here)
    assert scheme.cpu == here.kind == kind and not scheme.simulate
    assert scheme.simulation_in_words() == ""


@pytest.mark.parametrize(("asked", "bits"), [("vnni", 8), ("avx2", 7), ("arm", 8)])
@pytest.mark.parametrize("here", [VNNI, AVX2_ONLY, ARM])
def test_a_file_for_another_cpu_is_that_cpus_wherever_it_is_made_and_is_judged_by_simulation(asked, bits, here):
    scheme = preset("ort-cpu", QuantizationSettings(cpu=asked), here)
    assert scheme.cpu == asked and scheme.reduce_range == (bits == 7)
    assert scheme.simulate == (asked != here.kind)
    if asked == here.kind:
        assert scheme == preset("ort-cpu", PLAIN, here), "naming this machine's own CPU changes nothing"
    else:
        assert "which this machine's is not" in scheme.simulation_in_words()
        assert scheme.describe() != preset("ort-cpu", PLAIN, here).describe()


def test_saturation_that_a_simulation_does_not_show_is_said():
    scheme = preset("ort-cpu", QuantizationSettings(cpu="avx2", reduce_range=False), VNNI)
    assert scheme.saturates and "does not saturate" in scheme.simulation_in_words()
    assert not preset("ort-cpu", QuantizationSettings(cpu="avx2"), VNNI).saturates


@pytest.mark.parametrize("target", ["ort-cuda", "tensorrt", "openvino"])
def test_other_targets_do_not_depend_on_the_cpu(target):
    asked = QuantizationSettings(cpu="avx2")
    assert preset(target, asked, VNNI) == preset(target, PLAIN, ARM)


def test_settings_override_the_preset_and_it_is_said():
    scheme = preset("ort-cpu", QuantizationSettings(per_channel=False, op_types=("Conv",)), VNNI)
    assert not scheme.per_channel and scheme.op_types == ("Conv",)
    assert any(sentence.startswith("per_channel = False") for sentence in scheme.why)


def test_a_setting_that_repeats_the_preset_is_no_override():
    assert preset("ort-cpu", QuantizationSettings(per_channel=True), VNNI) == preset("ort-cpu", PLAIN, VNNI)


@pytest.mark.parametrize("target", ["ort-cpu", "ort-cuda", "tensorrt", "openvino"])
@pytest.mark.parametrize("cpu", [VNNI, AVX2_ONLY, ARM])
def test_every_decision_has_a_sentence_and_no_output_concat_is_quantized(target, cpu):
    scheme = preset(target, PLAIN, cpu)
    assert len(scheme.why) >= 4 and all(sentence.endswith(".") for sentence in scheme.why)
    assert "Concat" not in scheme.op_types


def test_an_unknown_target_is_refused():
    with pytest.raises(SettingsError, match="'tpu'"):
        preset("tpu", PLAIN, VNNI)
