from __future__ import annotations

from agentdeck.core.box.secrets import without_git_logins, without_secret_lines, without_secrets

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


LINES = (
    """\
model = "gpt-5-codex"
model_auto_compact_token_limit = 9000
[model_providers.x]
env_key = "X_KEY"
experimental_bearer_token = "sesame"
http_headers = { Authorization = "Bearer sesame" }
query = { name = "a[b" }
[mcp_servers.issues]
command = "issues"
args = ["--pin", "sesame"]
[mcp_servers.issues.env]
PIN = "sesame"
[tui]
api_key = [
  "sesame",
]
theme = "dark"
secret = """
    + '''"""
sesame
"""
'''
    + """notify = true
"""
)
YAML = """\
dark-mode: true
openai-api-key: sesame
api-key:
- openai=sesame
set-env:
  - MY_API_KEY=sesame
auto-commits: false
headers:
  X-Pin: sesame
map-tokens: 1024
"""


def test_settings_come_without_their_logins() -> None:
    for text, kept in (
        (LINES, ("gpt-5-codex", "9000", "X_KEY", "a[b", "dark", "notify = true")),
        (YAML, ("dark-mode", "auto-commits", "map-tokens: 1024")),
    ):
        shown = without_secret_lines(text)
        assert "sesame" not in shown, shown
        assert all(each in shown for each in kept), shown
    told = {"theme": "dark", "maxTokens": 9, "env": {"MY_KEY": "sesame", "PLAIN": "1"}, "mcpServers": {"x": "sesame"}}
    assert without_secrets(told) == {"theme": "dark", "maxTokens": 9, "env": {"PLAIN": "1"}}
