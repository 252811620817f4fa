# SPDX-License-Identifier: Apache-2.0
import os
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kflowd
from kflowd import assembly
from kflowd.assembly import RunFacts, as_recorded, make_pipeline, recorded_enrichers
from kflowd.delivery import Delivery
from kflowd.enrich import ENRICHERS, Enricher, Enrichment
from kflowd.enrich.cgroup_paths import CgroupPaths
from kflowd.enrich.cgroups import Cgroups
from kflowd.enrich.checksums import Checksums
from kflowd.enrich.devices import DeviceFacts
from kflowd.enrich.interfaces import Interfaces
from kflowd.enrich.labels import PluginLabels
from kflowd.enrich.packages import PackageVersions
from kflowd.enrich.plugins import Plugins
from kflowd.enrich.processes import Processes
from kflowd.enrich.users import UserFacts, Users
from kflowd.faults import Faults
from kflowd.model import Session, facts_of
from kflowd.protocols import APPLICATIONS
from kflowd.records import Decoder
from kflowd.records.session import encode_session
from kflowd.serialize import HostFacts, UserCounters
from kflowd.serialize.record import SocketRecord, record_keys
from kflowd.settings import EnrichSettings, Settings, TraceSettings
from kflowd.settings.applications import AnyPort, ApplicationSettings
from kflowd.settings.convert import convert
from tests.unit.make import SECOND, record, session


def test_facts_of_this_host() -> None:
    """Without those of the enrichers a session holds what records say of the host."""
    facts, _ = assembly.session_facts(Settings(), assembly.live_enrichers(), full=False)
    host = facts_of(HostFacts, facts)
    assert host.host_name == os.uname().nodename
    assert host.version == f"kflowd-v{kflowd.__version__}"
    assert not set(msgspec.json.decode(facts)) & {"users", "groups", "mountinfo", "interfaces"}


def test_facts_of_enrichers_survive_json() -> None:
    """In full a session holds no more of a user than name and number."""
    enrichers = assembly.live_enrichers()
    facts, left_out = assembly.session_facts(Settings(), enrichers, full=True)
    assert left_out == []
    again = Enrichment(recorded_enrichers(facts)).facts()
    assert msgspec.json.encode(again) == msgspec.json.encode(Enrichment(enrichers).facts())
    users = facts_of(UserFacts, facts)
    assert "root::0" in users.users.splitlines()
    assert "/bin/" not in users.users
    assert facts_of(DeviceFacts, facts).mountinfo


def test_facts_have_keys_of_their_own() -> None:
    """No enricher writes over what another one, the host or the run has said."""
    kinds: list[type[msgspec.Struct]] = [HostFacts, RunFacts, *(kind.FACTS for kind in ENRICHERS)]
    keys = [name for kind in kinds for name in kind.__struct_fields__]
    assert len(keys) == len(set(keys))


def test_recorded_enrichers_never_ask_this_host() -> None:
    """They know what the recording holds, and nothing else."""
    enrichers = recorded_enrichers(b'{"users":"someone::0"}')
    users = next(each for each in enrichers if isinstance(each, Users))
    users.refresh(1)
    assert make_pipeline(Settings(), enrichers, Delivery([])).user_counters() == UserCounters()
    assert users._users.names == {0: "someone"}
    assert users._groups.names == {}


def test_settings_of_a_run_are_recorded() -> None:
    """A replay has those that it cannot choose."""
    run = Settings(trace=TraceSettings(idle_ns=7 * SECOND, events=9))
    facts, _ = assembly.session_facts(run, (), full=False)
    again = as_recorded(Settings(strict=True), facts)
    assert (again.trace.idle_ns, again.trace.events, again.strict) == (7 * SECOND, 9, True)
    default = Settings()
    assert as_recorded(default, b"{}") == default
    enrich = EnrichSettings(checksums=True, checksum_bytes=7, checksum_wait_ns=9)
    facts, _ = assembly.session_facts(Settings(enrich=enrich), (), full=False)
    assert as_recorded(default, facts).enrich == enrich
    assert as_recorded(Settings(enrich=enrich), b"{}").enrich.checksums is False


def test_what_a_run_was_for_is_recorded() -> None:
    """A replay shows the records of the same processes; of a run for all it shows all."""
    for followed in (0, 7):
        facts, _ = assembly.session_facts(Settings(), (), full=False, followed=followed)
        again = facts_of(RunFacts, facts).followed
        assert again == followed
        pipeline = make_pipeline(Settings(), [Processes()], Delivery([]), followed=again)
        file = record("FILE", b"name\0", path_len=5, agg__counts=(1,) * 11, key__tgid=9)
        assert len(pipeline.feed(file)) == (followed == 0)
        assert pipeline.user_counters().records_hidden == (followed != 0)


def test_checksums_are_read_when_they_are_wanted() -> None:
    """Else no file record asks for them."""
    for wanted in (False, True):
        enrichers = assembly.live_enrichers()
        settings = Settings(enrich=EnrichSettings(checksums=wanted))
        pipeline = make_pipeline(settings, enrichers, Delivery([]))
        asks = any(isinstance(each, Checksums) for each in pipeline._enrichment._asking)
        assert asks is wanted


def test_nss_is_asked_unless_it_is_not_wanted() -> None:
    """A recording says whether it was, and so does what is replayed of it."""
    for unwanted in (False, True):
        settings = Settings(enrich=EnrichSettings(no_nss=unwanted))
        enrichers = assembly.live_enrichers()
        make_pipeline(settings, enrichers, Delivery([]))
        facts, _ = assembly.session_facts(settings, enrichers, full=True)
        assert facts_of(UserFacts, facts).nss is not unwanted
        again = recorded_enrichers(facts)
        make_pipeline(Settings(), again, Delivery([]))
        assert Enrichment(again).facts()["nss"] is not unwanted


@pytest.mark.parametrize("facts", [b'{"idle_ns":"x"}', b'{"export_at":null}', b"[]", b""])
def test_settings_of_a_wrong_type_say_nothing(facts: bytes) -> None:
    """A recording that was made by something else is replayed with the defaults."""
    assert as_recorded(Settings(), facts) == Settings()


@given(st.dictionaries(st.sampled_from(["host_name", "users", "interfaces", "idle_ns", "x"]),
                       st.recursive(st.none() | st.integers(-9, 2**63) | st.text(max_size=9),
                                    st.lists, max_leaves=5)))  # fmt: skip
def test_any_facts_make_a_pipeline(facts: dict[str, object]) -> None:
    """Whatever a session says, its records are made."""
    begin = session(**facts)
    settings = as_recorded(Settings(), begin.facts)
    pipeline = make_pipeline(settings, recorded_enrichers(begin.facts), Delivery([]))
    batch = encode_session(begin) + record("SOCK", sock__flags=1) + record("TICK", ts_ns=9)
    assert len(pipeline.feed(batch)) == 1


def test_news_of_enrichers_are_a_session_like_the_first() -> None:
    """Host, start and clock are the same; nothing new is no record."""
    first = Session(3, 5, 250, msgspec.json.encode({"host_name": "dev", "users": "root::0"}))
    quiet = recorded_enrichers(b"{}")
    assert assembly.News(first, quiet)() == b""

    class Finds(Enricher):
        def news(self) -> Mapping[str, object]:
            return {"namespaces": {7: [(1, "lo", "")]}}

    (value,) = Decoder().decode(assembly.News(first, [*quiet, Finds()])())
    assert isinstance(value, Session)
    assert (value.ts_ns, value.realtime_offset_ns, value.hz) == (3, 5, 250)
    facts = msgspec.json.decode(value.facts)
    assert (facts["host_name"], facts["namespaces"]) == ("dev", {"7": [[1, "lo", ""]]})
    assert "users" not in facts


def test_a_host_that_has_changed_is_news() -> None:
    """It is told by itself once, and with what is found later."""
    changes = [None, HostFacts("new", host_since_ns=7), None, None]

    class Finds(Enricher):
        found: Mapping[str, object] = {}

        def news(self) -> Mapping[str, object]:
            return self.found

    finds = Finds()
    first = Session(3, 5, 250, msgspec.json.encode({"host_name": "old"}))
    news = assembly.News(first, [finds], host=lambda: changes.pop(0))
    told = [news(), news(), news()]
    finds.found = {"names": []}
    told.append(news())
    assert [bool(each) for each in told] == [False, True, False, True]
    for each in (told[1], told[3]):
        (value,) = Decoder().decode(each)
        assert isinstance(value, Session)
        assert facts_of(HostFacts, value.facts) == HostFacts("new", host_since_ns=7)
        assert ("names" in msgspec.json.decode(value.facts)) == (each is told[3])


def test_enrichers_are_told_of_tasks_ahead_of_the_batch() -> None:
    """What they find is in front of it in the stream."""
    asked: list[tuple[int, int, int, tuple[int, int, int]]] = []

    class Asks(Enricher):
        def ahead(self, tid: int, user: int, cgroup: int, image: tuple[int, int, int]) -> None:
            asked.append((tid, user, cgroup, image))

        def news(self) -> Mapping[str, object]:
            return {"asked": len(asked)} if asked else {}

    news = assembly.News(Session(3, 5, 250, b"{}"), [Enricher(), Asks()])
    assert news(record("TICK", ts_ns=9)) == b""
    batch = record("PROC", proc__tid=31, proc__uid=1001, proc__cgroup_id=401, proc__tgid=30)
    (value,) = Decoder().decode(news(batch))
    assert isinstance(value, Session)
    assert msgspec.json.decode(value.facts)["asked"] == 1
    assert asked == [(31, 1001, 401, (30, 0, 0))]


def test_lost_lookups_are_those_of_all_enrichers() -> None:
    """Each tells its own count when it grows."""

    class One(Enricher):
        def __init__(self, *counts: int | None) -> None:
            self.counts = list(counts)

        def news(self) -> Mapping[str, object]:
            count = self.counts.pop(0)
            return {} if count is None else {"lookups_lost": count}

    class Other(One):
        pass

    enrichers = [One(1, None, 5), Other(None, 10, 11)]
    news = assembly.News(Session(3, 5, 250, b"{}"), enrichers)
    told = []
    for _ in range(3):
        (value,) = Decoder().decode(news())
        assert isinstance(value, Session)
        told.append(msgspec.json.decode(value.facts)["lookups_lost"])
    assert told == [1, 11, 16]


def test_what_the_source_lost_is_news_once() -> None:
    """The stream tells it, so that a replay counts the same."""
    lost = [0, 3, 3, 5]
    news = assembly.News(Session(3, 5, 250, b"{}"), [], lambda: lost.pop(0))
    pipeline = make_pipeline(Settings(), recorded_enrichers(b"{}"), Delivery([]))
    told = []
    for batch in (news() for _ in range(4)):
        pipeline.feed(batch)
        told.append((bool(batch), pipeline.user_counters().ends_lost))
    assert told == [(False, 0), (True, 3), (False, 3), (True, 5)]


def test_versions_are_looked_up_if_they_were_asked_for() -> None:
    """Nobody else reads the databases of packages; the builder shows what was asked for."""
    assert {type(each) for each in assembly.live_enrichers()} == set(ENRICHERS)
    found = {type(each) for each in assembly.live_enrichers(versions=True)}
    assert found == {*ENRICHERS, PackageVersions}
    for asked in (False, True):
        pipeline = make_pipeline(
            Settings(enrich=EnrichSettings(package_versions=asked)), (Processes(),), Delivery([])
        )
        assert pipeline._builder._versions is asked


def test_live_enrichers_reach_other_namespaces_by_a_door() -> None:
    """Without one they stay unknown."""
    for enter, reached in ((None, False), (os.close, True)):
        found = [each for each in assembly.live_enrichers(enter) if isinstance(each, Interfaces)]
        assert [each.elsewhere is not None for each in found] == [reached]


def test_live_enrichers_open_groups_by_a_door() -> None:
    """Without one they are found by their tasks."""
    for open_group in (None, lambda _mount, _number: -1):
        (found,) = (
            each for each in assembly.live_enrichers(None, open_group) if isinstance(each, Cgroups)
        )
        assert isinstance(found._paths, CgroupPaths)
        assert (found._paths._handles is not None) == (
            open_group is not None and found._paths._device >= 0
        )


def test_ports_of_a_run_are_recorded() -> None:
    """A replay decodes what the run has captured; what makes no sense there is passed over."""
    ports = ApplicationSettings(dns=(AnyPort("udp", 5353),), http=(), syslog=())
    facts, _ = assembly.session_facts(Settings(application=ports), (), full=False)
    assert as_recorded(Settings(), facts).application == ports
    for wrong in ({"dns": ["x"]}, {"dns": ["udp/0"]}, {"http": ["tcp/53"]}, {"x": ["tcp/1"]}):
        facts = msgspec.json.encode({"applications": wrong})
        assert as_recorded(Settings(), facts).application == ApplicationSettings()


def test_names_are_known_where_dns_is_read() -> None:
    """And only there; without any port nothing is decoded at all."""
    both, http = ApplicationSettings(), ApplicationSettings(dns=(), syslog=())
    for ports, knows in ((both, True), (http, False)):
        messages = assembly._messages(Settings(application=ports), Faults())
        assert messages is not None
        assert (messages.names is not None) == knows
    none = ApplicationSettings(dns=(), http=(), syslog=())
    assert assembly._messages(Settings(application=none), Faults()) is None


def test_secrets_of_messages_are_redacted_unless_that_is_not_wanted() -> None:
    """As those of arguments are."""
    for unwanted in (False, True):
        settings = Settings(no_redact=unwanted)
        messages = make_pipeline(settings, [Processes()], Delivery([]))._aggregator.messages
        assert messages is not None
        assert (messages._redact is None) is unwanted


def test_each_application_has_its_ports() -> None:
    """All of the settings are there, by the kernel's numbers of protocols."""
    found = assembly.application_ports(Settings())
    assert {key: it.name for key, it in found.items()} == {
        (17, 53): "DNS",
        (6, 53): "DNS",
        (6, 80): "HTTP",
        (17, 514): "SYSLOG",
        (6, 514): "SYSLOG",
    }
    assert set(APPLICATIONS) == set(ApplicationSettings.__struct_fields__)


def test_applications_of_plugins_have_ports_and_keys() -> None:
    """Also in a replay, which loads no plugin; ports that make no sense are none."""
    settings = convert({"plugin": {"plugin_ports": ["redis=tcp/6379"]}})
    found = assembly.application_ports(settings)
    assert (found[6, 6379].name, found[6, 6379].key) == ("REDIS", "Redis")
    facts, _ = assembly.session_facts(settings, [], full=False)
    replayed = assembly.as_recorded(Settings(), facts)
    assert replayed.plugin.plugin_ports == settings.plugin.plugin_ports
    bad = assembly.as_recorded(Settings(), b'{"plugin_ports": ["tls=tcp/1"]}')
    assert bad.plugin.plugin_ports == ()
    assembly.plug_keys(settings)
    assert "AppTxRedis" in record_keys(SocketRecord)
    assembly.plug_keys(Settings())
    assert "AppTxRedis" not in record_keys(SocketRecord)


def test_without_plugins_nobody_asks_for_them() -> None:
    """Records cost nothing more; with an enricher, or a port, those are there that need be."""
    none, enrichers = Settings(), assembly.live_enrichers()
    kinds = {type(each) for each in assembly._started(enrichers, none)}
    assert not kinds & {Plugins, PluginLabels}
    with_ports = convert({"plugin": {"plugin_ports": ["redis=tcp/6379"]}})
    assert Plugins in {type(each) for each in assembly._started(enrichers, with_ports)}
    replayed = recorded_enrichers(b'{"labellers":{"owners":["uid"]}}')
    assert PluginLabels in {type(each) for each in assembly._started(replayed, none)}
