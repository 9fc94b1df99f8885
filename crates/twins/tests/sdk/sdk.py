"""Segment's own Python library against the twin, unmodified but for the base URL.

    habeas twins --json | python sdk.py        (or: python sdk.py '<the line>')

Ends with a line `N passed, M failed` and exits with 1 if anything failed.
"""

import base64
import json
import sys
import traceback
import urllib.error
import urllib.parse
import urllib.request

import segment.analytics as analytics

LINE = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.readline()
SEGMENT = json.loads(LINE)["segment"]
FULL = SEGMENT["credentials"]["full"]

errors = []
analytics.write_key = FULL["write_key"]
analytics.host = SEGMENT["base_urls"]["tracking_api"]
analytics.on_error = lambda error, items: errors.append(error)


def profile(identifier, what):
    """Status and body of a read of the first space's Profile API."""
    space = FULL["spaces"][0]
    path = "/v1/spaces/%s/collections/users/profiles/%s/%s" % (
        space["space_id"],
        urllib.parse.quote(identifier, safe=""),
        what,
    )
    basic = base64.b64encode((space["profile_token"] + ":").encode()).decode()
    url = SEGMENT["base_urls"]["profile_api"] + path
    request = urllib.request.Request(url, headers={"authorization": "Basic " + basic})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def a_seeded_profile_is_found_by_every_identifier():
    traits = {"email": "seeded.python@example.com", "city": "Oslo"}
    analytics.identify("seeded-by-python", traits, anonymous_id="python-visit")
    analytics.flush()
    for identifier in (
        "user_id:seeded-by-python",
        "email:seeded.python@example.com",
        "anonymous_id:python-visit",
    ):
        assert profile(identifier, "metadata")[0] == 200, identifier
    assert profile("user_id:seeded-by-python", "traits")[1]["traits"]["city"] == "Oslo"


def events_and_groups_show_on_the_profile():
    user_id = "seeded-by-python"
    analytics.track(user_id, "Order Completed", {"total": 59.9})
    analytics.page(user_id, "Site", "Home")
    analytics.screen(user_id, "App", "Start")
    analytics.group(user_id, "acct-python", {"name": "Python club"})
    analytics.flush()
    events = profile("user_id:" + user_id, "events")[1]["data"]
    assert "Order Completed" in [event["event"] for event in events]
    links = profile("user_id:" + user_id, "links")[1]["data"]
    assert links[0]["external_ids"][0]["id"] == "acct-python"


def many_events_go_out_in_batches():
    for number in range(250):
        analytics.track("busy-in-python", "Tick", {"number": number})
    analytics.flush()
    page = profile("user_id:busy-in-python", "events?limit=100")[1]
    assert len(page["data"]) == 100 and page["cursor"]["has_more"]


def an_alias_finds_the_profile_too():
    analytics.alias("visit-before-python", "seeded-by-python")
    analytics.flush()
    assert profile("anonymous_id:visit-before-python", "metadata")[0] == 200


def nothing_was_refused():
    assert errors == [], errors


def main():
    cases = [
        a_seeded_profile_is_found_by_every_identifier,
        events_and_groups_show_on_the_profile,
        many_events_go_out_in_batches,
        an_alias_finds_the_profile_too,
        nothing_was_refused,
    ]
    failed = 0
    for case in cases:
        name = case.__name__.replace("_", " ")
        try:
            case()
            print("ok      " + name)
        except Exception:
            failed += 1
            print("FAILED  " + name)
            traceback.print_exc(file=sys.stdout)
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
