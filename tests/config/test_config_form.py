"""Mistakes of form: what YAML itself, or the shape of the files, does not allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.unit_folder import SAFETY, UNIT, Bad, compiled

FORM = {
    "C01 key twice": Bad(
        "    poll: 5 s\n  jacket:",
        "    poll: 5 s\n    §line: gas\n  jacket:",
        ("'line' is here twice: line 23 and line 26",),
    ),
    "C01 tag twice": Bad(
        "  AT-102:\n", "  §AT-101:\n", ("'AT-101' is here twice: line 70 and line 74", "keep one"), others=1
    ),
    "C01 section twice": Bad("loops:\n", "§tags: {}\nloops:\n", ("'tags' is here twice",)),
    "C02 misspelt key": Bad(
        "    setpoint: 37.0 degC",
        "    §setpiont: 37.0 degC",
        ("unknown key 'setpiont'", "allowed here: ", "did you mean 'setpoint'?"),
    ),
    "C02 another case": Bad("    gain: 6 degC/K", "    §Gain: 6 degC/K", ("did you mean 'gain'?",)),
    "C02 another program's word": Bad("    gain: 6 degC/K", "    §Kp: 6 degC/K", ("did you mean 'gain'?",)),
    "C02 dash for underscore": Bad("dead_band: 0.03", "§dead-band: 0.03", ("did you mean 'dead_band'?",)),
    "C02 top-level key": Bad("actuators:\n", "§acutators:\n", ("did you mean 'actuators'?",)),
    "C02 option": Bad("full_scale: 100.0", "§fullscale: 100.0", ("did you mean 'full_scale'?",)),
    "C02 option of a list": Bad(
        "table: input, address: 4", "table: input, §adress: 4", ("did you mean 'address'?",)
    ),
    "C03 tab": Bad(
        "    baud: 19200\n    framing: 8N2",
        "§\tbaud: 19200\n    framing: 8N2",
        ("a tab in the indentation", "use spaces"),
    ),
    "C03 tab before a value": Bad("period: 1 s", "period:§\t1 s", ("a tab between words",)),
    "C03 key moved out": Bad(
        "    port: /dev/serial/by-id/gas\n    baud",
        "  port: /dev/serial/by-id/gas\n    baud§",
        ("indented below the line above", "line it up"),
    ),
    "C03 key moved under another": Bad(
        "journal:\n", "  §journal:\n", ("unknown key 'journal'",), "uplink", others=3
    ),
    "C03 uneven": Bad("    address: 2\n", "   §address: 2\n", ("indented differently",)),
    "C05 empty value": Bad("    setpoint: 37.0 degC", "    §setpoint:", ("nothing is written here",)),
    "C05 null": Bad(
        "    poll: 2 s\n    options: {s", "    §poll: null\n    options: {s", ("nothing is written here",)
    ),
    "C05 tilde": Bad("  topic: site/hall", "  §topic: ~", ("nothing is written here",), "uplink"),
    "C05 empty section": Bad(
        "journal:\n  commit: 1 s\n  keep: 90 d\n  keep_size: 8 GB\n", "§journal:\n", ("nothing is",), "uplink"
    ),
    "C09 alias": Bad(
        "    line: gas\n    address: C", "    line: §*gas\n    address: C", ("YAML alias", "write it out")
    ),
    "C09 anchor": Bad("    address: C", "    address: §&c C", ("YAML anchor",)),
    "C09 tag": Bad("    address: C", "    address: §!!str C", ("YAML tag",)),
    "C09 language object": Bad(
        "description: Test unit", "description: §!!python/object/apply:os.system [id]", ("YAML tag",)
    ),
    "C09 merge key": Bad("    address: C", "    §<<: {address: C}", ("unknown key '<<'",), others=1),
    "C10 no-break space in a key": Bad(
        "full_scale: 200.0", "full§\u00a0scale: 200.0", ("U+00A0 NO-BREAK SPACE",)
    ),
    "C10 zero width space": Bad(
        "description: Test unit", "description: Test§\u200b unit", ("U+200B ZERO WIDTH SPACE",)
    ),
    "C10 bidirectional control": Bad(
        "unit: BR-1", "unit: BR-1 # §\u202e x", ("U+202E RIGHT-TO-LEFT OVERRIDE",)
    ),
    "C10 next line": Bad(
        "description: Test unit", "description: Test§\u0085unit", ("U+0085 CONTROL CHARACTER",)
    ),
    "C10 NUL": Bad("description: Test unit", "description: Test§\x00 unit", ("U+0000 CONTROL CHARACTER",)),
    "C10 Latin-1": Bad(
        "description: Test unit",
        "description: Gef§\udce4\udcdf",
        ("0xE4 is not UTF-8", "'\u00e4'", "save the file as UTF-8"),
    ),
    "C10 typographic minus": Bad(
        "output: -100..0 %", "output: §\u2212100..0 %", ("U+2212 MINUS SIGN", "write -100..0 %")
    ),
    "C10 pasted line": Bad(
        "    gain: 6 degC/K\n", "    gain: §6 degC/K\n     it worked for me\n", ("ends only on line 117",)
    ),
    "C10 pasted text": Bad(
        "    gain: 6 degC/K\n", "    gain: 6 degC/K\n    §it worked\n", ("a key without ':'",)
    ),
    "C10 second document": Bad(
        "  keep_size: 8 GB\n", "  keep_size: 8 GB\n§---\nuplink: {}\n", ("follows the end",), "uplink"
    ),
    "C10 rubbish after the end": Bad(
        "  keep_size: 8 GB\n", "  keep_size: 8 GB\n§EOF\n", ("a key without ':'",), "uplink"
    ),
    "cut off": Bad("    fallback: 0 %\n", "    fallback: 0 %§", ("may have been cut off",)),
    "open quote": Bad(
        "description: Test unit",
        'description: §"Test unit',
        ("the quote opened here closes only on line 58",),
    ),
    "quote over two lines": Bad(
        "description: Test unit\nperiod: 1 s",
        'description: §"Test unit\n  period: 1 s"',
        ("closes only on line 3",),
    ),
    "open bracket": Bad("force: [HS-101, TY-101]", "force: §[HS-101, TY-101", ("'['", "close it"), "safety"),
    "colon in text": Bad("description: Test unit", "description: pH§: 7", ("put text with ': ' in quotes",)),
    "percent sign first": Bad(
        'unit: "%-sat"\n    range', "unit: §%-sat\n    range", ("put the value in quotes",)
    ),
    "list for a value": Bad(
        "    safe: 30 degC", "    safe: §[30 degC]", ("expected one value, found a list",)
    ),
    "value for a list": Bad(
        "force: [FV-102]", "force: §FV-102", ("expected a list, found 'FV-102'",), "safety"
    ),
    "mapping for a value": Bad(
        "    safe: 30 degC", "    safe: §{value: 30}", ("expected one value, found keys and values",)
    ),
    "value for a section": Bad(
        "journal:\n  commit: 1 s\n  keep: 90 d\n  keep_size: 8 GB\n",
        "journal: §on\n",
        ("expected 'key: value' lines",),
        "uplink",
    ),
    "list for a section": Bad(
        "limits:\n  TY-101: 25..42 degC\n  TIC-101: 30..38 degC\n",
        "§limits: [1]\n",
        ("expected a name",),
        "safety",
    ),
    "key that is no word": Bad(
        "  TY-101: 25..42 degC\n  TIC", "  §[a]: 25..42 degC\n  TIC", ("a key must be a word",), "safety"
    ),
    "section in the wrong file": Bad(
        "limits:\n", "§loops: {}\nlimits:\n", ("it belongs into unit.yaml",), "safety"
    ),
    "missing key": Bad(
        "  HS-101:\n    channel: relay.relay1\n    safe: off\n",
        "  §HS-101:\n    channel: relay.relay1\n",
        ("'safe' is missing", "write for example"),
    ),
    "missing top key": Bad("unit: BR-1\ndescription", "§description", ("'unit' is missing",)),
    "bad name": Bad(
        "  P-102:\n    channel", "  §P 102:\n    channel", ("cannot be a name", "use a letter"), others=1
    ),
    "name too long": Bad("  co2-stop:", f"  §{'x' * 33}:", ("cannot be a name", "at most 32"), "safety"),
    "quantity as key": Bad("  co2-stop:", "  §7.2:", ("cannot be a name",), "safety"),
}


@pytest.mark.parametrize("case", FORM.values(), ids=FORM.keys())
def test_a_mistake_of_form_is_named_where_it_stands(case: Bad, tmp_path: Path) -> None:
    case.check(tmp_path / "u")


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    """C10"""
    plain = compiled(tmp_path / "a")
    windows = compiled(
        tmp_path / "b", unit="\ufeff" + UNIT.replace("\n", "\r\n"), safety=SAFETY.replace("\n", "\r\n")
    )
    assert plain.plan is not None
    assert windows.plan == plain.plan
