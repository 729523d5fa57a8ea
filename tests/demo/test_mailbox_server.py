"""The demo's mail server keeps what it accepts, and has a mood for three domains."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from partnerapp.demo import directory, mailbox


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    port = directory.free_port()
    with mailbox.running(tmp_path, port):
        yield port


def send(port: int, recipient: str, text: str = "Hello") -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost", timeout=5) as client:
        client.sendmail("portal@example.com", [recipient], f"Subject: {text}\r\n\r\n".encode())


def test_messages_are_kept_as_sent_and_sort_by_arrival(port: int, tmp_path: Path):
    for text in ("one", "två", "three"):
        send(port, "bob@example.com", text)
    messages = [path.read_text() for path in sorted(tmp_path.iterdir())]
    assert messages == ["Subject: one\n\n", "Subject: två\n\n", "Subject: three\n\n"]


@pytest.mark.parametrize(("recipient", "code"), [("bob@refused.example", 550), ("bob@Later.example", 451)])
def test_a_refused_recipient_gets_the_domains_code(port: int, tmp_path: Path, recipient: str, code: int):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(port, recipient)
    assert refused.value.recipients[recipient][0] == code
    assert list(tmp_path.iterdir()) == []


def test_a_silent_recipient_loses_the_connection_and_nobody_else_does(port: int):
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(port, "bob@silent.example")
    send(port, "bob@example.com")
