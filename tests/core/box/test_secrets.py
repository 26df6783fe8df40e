from __future__ import annotations

from agentdeck.core.box.secrets import without_git_logins

TOLD = """\
[user]
\tname = Ann
[remote "origin"]
\turl = https://me:sesame@example.org/a.git
\tpushurl = git@example.org:a.git
[url "https://sesame@example.org/"]
\tinsteadOf = https://example.org/
[http "https://example.org/"]
\textraheader = AUTHORIZATION: \\
basic sesame
\tsslVerify = true
[github]
\toauth-token = sesame
"""


def test_no_login_is_in_what_git_is_shown() -> None:
    shown = without_git_logins(TOLD)
    assert "sesame" not in shown
    kept = ("name = Ann", "url = https://example.org/a.git", "git@example.org:a.git", "sslVerify = true")
    assert all(each in shown for each in kept)
    assert without_git_logins(shown) == shown
