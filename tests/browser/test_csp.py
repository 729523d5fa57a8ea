"""The browser's complaints about the content security policy fail a test: here is what makes it complain.

That it has nothing to complain about on any screen is what test_accessibility.py says besides.
"""

import pytest

from tests.browser.portal import PARTNERS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo")]
INSERT = "html => document.body.insertAdjacentHTML('beforeend', html)"


@pytest.mark.parametrize(
    "html",
    [
        '<p style="color: red">An inline style</p>',
        '<button onclick="alert()">An inline script</button>',
        '<img src="https://elsewhere.example/pixel.png" alt="A foreign image">',
        '<iframe src="https://elsewhere.example/" title="A foreign frame"></iframe>',
    ],
)
def test_a_violation_is_heard(alice, complaints, html):
    alice.goto(PARTNERS)
    with alice.expect_console_message(lambda message: "Content Security Policy" in message.text):
        alice.evaluate(INSERT, html)
    assert [("Content Security Policy" in complaint) for complaint in complaints] == [True]
    complaints.clear()
