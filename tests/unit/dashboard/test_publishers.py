"""Who publishes, out of what the management API tells.

Not here: what real brokers tell (tests/contract/test_management_publishing.py).
"""

from __future__ import annotations

from warren.dashboard.publishers import Program, programs_of
from warren.management.publishing import PublishingChannel, read_exchange_traffic, read_publishing_channels


def test_the_channels_of_a_program_are_summed_up_and_the_busiest_comes_first() -> None:
    channels = [
        PublishingChannel(connection="one", user="guest", rate=1.0),
        PublishingChannel(connection="two", user="guest", rate=2.0),
        PublishingChannel(connection="three", user=None, rate=2.5),
    ]
    programs = programs_of(channels, {"one": "shop", "two": "shop"})
    assert programs == (Program(name="shop", user="guest", rate=3.0), Program(name="three", user="", rate=2.5))


def test_an_exchange_tells_who_publishes_where_the_broker_keeps_such_books() -> None:
    told = {
        "message_stats": {"publish_in": 12, "publish_in_details": {"rate": 2.0}},
        "incoming": [
            {
                "stats": {"publish": 12, "publish_details": {"rate": 2.0}},
                "channel_details": {"name": "one (1)", "connection_name": "one", "user": "guest"},
            }
        ],
    }
    traffic = read_exchange_traffic(told)
    assert traffic.rate == 2.0
    assert traffic.channels == (PublishingChannel(connection="one", user="guest", rate=2.0),)


def test_what_is_missing_or_strange_is_not_known() -> None:
    assert read_exchange_traffic({}).rate is None
    assert read_exchange_traffic({"incoming": [], "message_stats": []}).rate is None
    strange = {"incoming": ["?", {"stats": {"publish_details": {"rate": "much"}}, "channel_details": []}]}
    assert read_exchange_traffic(strange).channels == ()


def test_a_channel_that_publishes_nothing_now_is_not_told() -> None:
    idle = {"connection_details": {"name": "one"}, "message_stats": {"publish_details": {"rate": 0.0}}}
    consuming = {"connection_details": {"name": "two"}, "message_stats": {"ack_details": {"rate": 3.0}}}
    silent = {"connection_details": {"name": "three"}}
    assert read_publishing_channels([idle, consuming, silent]) == ()
