"""The template as AWS reads it; SAM's own translator expands it offline."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Expanded:
    source: dict[str, Any]
    resources: dict[str, Any]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def the(self, name: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.resources[name]["Properties"]
        return properties

    @property
    def functions(self) -> dict[str, dict[str, Any]]:
        return self.of("AWS::Lambda::Function")

    def default(self, parameter: str) -> str:
        value: str = self.source["Parameters"][parameter]["Default"]
        return value


def expanded(layer_uri: str = "s3://bucket/layer") -> Expanded:
    source = yaml_parse((ROOT / "template.yaml").read_text())
    template = yaml_parse((ROOT / "template.yaml").read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code"  # as after `sam package`
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = layer_uri
    session = boto3.Session(region_name="eu-west-1")
    values = {name: declared["Default"] for name, declared in source["Parameters"].items()}
    translated = Translator({}, Parser(), boto_session=session).translate(template, values)
    return Expanded(source, translated["Resources"])


@pytest.fixture(scope="session")
def template() -> Expanded:
    return expanded()
