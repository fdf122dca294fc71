"""The bill of materials and the search for secrets, on material made to be found."""

from pathlib import Path

from infra.supply_chain import sbom, secrets_in


def test_a_layer_lists_its_packages_with_their_licences(tmp_path: Path) -> None:
    for name, fields in {
        "Beta_two": "License-Expression: MIT\n",
        "alpha": "Classifier: License :: OSI Approved :: BSD License\n",
        "gamma": "",
    }.items():
        folder = tmp_path / "python" / f"{name}-1.0.dist-info"
        folder.mkdir(parents=True)
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{fields}"
        (folder / "METADATA").write_text(text)
    listed = {
        each["purl"]: each["licenses"][0]["license"]["name"]
        for each in sbom(tmp_path)["components"]
    }
    assert listed == {
        "pkg:pypi/alpha@1.0": "BSD License",
        "pkg:pypi/beta-two@1.0": "MIT",
        "pkg:pypi/gamma@1.0": "unstated",
    }


def test_a_key_that_was_once_added_is_found_and_not_repeated() -> None:
    key = "AKIA" + "Z7" * 8
    assert secrets_in(f"+key = {key}\n-{key}\n {key}") == [f"{key[:8]}…"]


def test_the_example_of_the_aws_manual_is_no_key() -> None:
    assert secrets_in("+AKIAIOSFODNN7EXAMPLE") == []
