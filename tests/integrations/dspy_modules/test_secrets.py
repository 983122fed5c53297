"""Keys of language models are refused, or left out."""

from __future__ import annotations

import json

import pytest

from snakestore import ValidationError

pytest.importorskip("dspy", reason="needs the extra dspy")
pytest.importorskip("pydantic")

import dspy

from snakestore.integrations.dspy import SecretRefusedError, load_module, save_module
from tests.integrations.dspy_modules.programs import Pipeline


def test_the_state_of_an_lm_is_refused_with_its_path(repo):
    module = Pipeline()
    module.steps[1].lm = dspy.LM("openai/x", api_key="sk-secret", cache=False)

    with pytest.raises(SecretRefusedError) as refused:
        save_module(repo, "s", "p", module)

    assert refused.value.path == "$.steps[1].lm"
    assert "sk-secret" not in str(refused.value)
    assert not repo.has_program("s", "p")


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"api_key": "x"}, "api_key"),
        ({"extra": {"deep": [{"Authorization": "Bearer x"}]}}, "extra.deep[0].Authorization"),
        ({"extra_headers": {"X-Key": "x"}}, "extra_headers"),
        ({"headers": {}}, "headers"),
        ({"azure_ad_token": "x"}, "azure_ad_token"),
        ({"extra_body": {"api-key": "x"}}, "extra_body.api-key"),
        ({"AWS_SECRET_ACCESS_KEY": "x"}, "AWS_SECRET_ACCESS_KEY"),
        ({"api_base": "http://x"}, "api_base"),
        ({"fallback": dspy.LM("openai/x", cache=False)}, "fallback"),
    ],
)
def test_keys_and_headers_in_a_config_are_refused_with_their_path(repo, config, path):
    module = dspy.Predict("a -> b", **config)

    with pytest.raises(SecretRefusedError) as refused:
        save_module(repo, "s", "p", module)

    assert refused.value.path == f"$.self.config.{path}"


def test_settings_that_are_no_secrets_are_stored(repo):
    config = {"max_tokens": 9, "top_p": 0.5, "stop": ["x"], "seed": 3, "eos_token": "<end>"}
    module = dspy.Predict("token, password -> secret", **config)
    module.demos = [{"token": "a", "password": "b", "secret": "c"}]

    document = save_module(repo, "s", "p", module).document

    assert document["parameters"]["self"]["config"] == config


def test_a_key_in_a_demo_is_refused(repo):
    module = dspy.Predict("q -> r")
    module.demos = [{"q": {"api_key": "x"}, "r": "y"}]

    with pytest.raises(SecretRefusedError) as refused:
        save_module(repo, "s", "p", module)

    assert refused.value.path == "$.self.demos[0].q.api_key"


def test_secrets_can_be_left_out(repo):
    module = dspy.Predict("q -> r", api_key="sk-secret", temperature=0.1)
    module.lm = dspy.LM("openai/x", api_key="sk-secret", cache=False)

    program = save_module(repo, "s", "p", module, omit_secrets=True)

    assert program.document["parameters"]["self"]["config"] == {"temperature": 0.1}
    assert "sk-secret" not in json.dumps(program.document)
    assert module.lm is not None
    assert module.config["api_key"] == "sk-secret"


def test_loading_leaves_the_lm_as_it_is(repo):
    module = dspy.Predict("q -> r")
    save_module(repo, "s", "p", module)
    module.lm = lm = dspy.LM("openai/x", cache=False)

    load_module(repo, "s", "p", module)

    assert module.lm is lm


def test_two_predictors_of_one_path_are_refused(repo):
    module = dspy.Module()
    module.by_key = {1: dspy.Predict("a -> b"), "1": dspy.Predict("a -> b")}

    with pytest.raises(ValidationError) as refused:
        save_module(repo, "s", "p", module)

    assert refused.value.path == "$.by_key['1']"


def test_a_key_in_the_metadata_is_refused_or_left_out(repo):
    module, metadata = dspy.Predict("a -> b"), {"lm": {"api_key": "x", "model": "m"}}

    with pytest.raises(SecretRefusedError) as refused:
        save_module(repo, "s", "p", module, metadata=metadata)
    program = save_module(repo, "s", "p", module, metadata=metadata, omit_secrets=True)

    assert refused.value.path == "$.metadata.lm.api_key"
    assert program.metadata == {"lm": {"model": "m"}}
