"""The examples for receivers of webhooks do what they say, and the signature is that of the specification."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from controller.feed.signing import SecretError, reference, secrets_in, signatures

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples" / "webhooks"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""Of the specification's own tests: libraries/python/tests/test_webhooks.py, test_sign_function."""


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def secret(directory: Path, text: str = SECRET, mode: int = 0o600) -> Path:
    path = directory / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_signature_is_that_of_the_specification(tmp_path: Path) -> None:
    id, at, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    due = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signatures(secrets_in(secret(tmp_path)), id, at, body) == due
    is_genuine = example("receiver").is_genuine
    headers = {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": f"v1a,x {due}"}
    assert is_genuine(SECRET, headers, body, at + 299)
    assert not is_genuine(SECRET, headers, body, at + 301)
    assert not is_genuine(SECRET, headers, body + b" ", at)
    assert not is_genuine(SECRET, headers | {"webhook-id": "other"}, body, at)
    assert not is_genuine("whsec_" + "A" * 32, headers, body, at)
    assert not is_genuine(SECRET, {}, body, at)


def test_while_a_secret_is_changed_both_sign(tmp_path: Path) -> None:
    both = secrets_in(secret(tmp_path, f"whsec_{'A' * 32}\n{SECRET}\n"))
    assert signatures(both, "a", 1, b"").split()[1:] == signatures(both[1:], "a", 1, b"").split()


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("", 0o600, "has 0 lines"),
        ("a\nb\nc", 0o600, "has 3 lines"),
        ("password", 0o600, "has no secret: it takes"),
        ("whsec_AAAA", 0o600, "has no secret: it takes"),
        (SECRET, 0o604, "everybody here may read"),
    ],
)
def test_a_file_without_a_secret_is_one_sentence(tmp_path: Path, text: str, mode: int, said: str) -> None:
    with pytest.raises(SecretError, match=said) as caught:
        secrets_in(secret(tmp_path, text, mode))
    assert str(tmp_path / "secret") in str(caught.value)


def test_a_message_goes_to_the_number_that_the_lobby_never_had(tmp_path: Path) -> None:
    sms, sent = example("sms"), []
    ref = reference(secrets_in(secret(tmp_path))[0], "0755-001", "2026-11-30", "A001")
    assert ref == sms.reference(SECRET, "0755-001", "2026-11-30", "A001")
    messages = sms.Messages(SECRET, "0755-001", lambda *about: sent.append(about))
    assert messages.ask_for(ref, "13800138000")
    call = {"kind": "ticket_called", "day": "2026-11-30", "data": {"ticket": "A001", "counter": "3"}}
    assert not messages.called(call | {"day": "2026-11-29"})
    assert not messages.called(call | {"kind": "ticket_missed"})
    assert messages.called(call)
    assert not messages.called(call), "the number has gone"
    assert sent == [("13800138000", "请A001号客户到3号窗口办理业务。")]


def test_a_visit_goes_to_a_crm_without_anybody_in_it() -> None:
    crm = example("crm")
    row = {"seq": 9, "at": 1_796_000_000_000, "day": "2026-11-30", "kind": "ticket_called"}
    visit = crm.visit("0755-001", row | {"data": {"ticket": "A001", "counter": "3", "by": "li"}})
    assert visit == {
        "key": "0755-001 2026-11-30 A001",
        "branch": "0755-001",
        "day": "2026-11-30",
        "at": "2026-11-30T00:53:20+00:00",
        "state": "called",
        "counter": "3",
    }
    assert crm.visit("0755-001", row | {"kind": "counter_opened", "data": {"counter": "3"}}) is None
    path, headers, body = crm.zoho("token", [visit])
    assert (path, headers) == ("/crm/v8/Lobby_Visits/upsert", {"Authorization": "Zoho-oauthtoken token"})
    assert body["data"][0]["Row_Key"] == visit["key"]
    corp = {"corpAccessToken": "t", "corpId": "c", "currentOpenUserId": "FSUID_1"}
    path, _, body = crm.fxiaoke(corp, visit)
    assert path == "/cgi/crm/custom/v2/data/create"
    assert body["data"]["object_data"]["row_key__c"] == visit["key"]
