"""Tools over Prometheus and Alertmanager."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Annotated

from pydantic import Field
from pydantic_ai import RunContext

from agent.analysis import Sources
from agent.toolset.cited import CitedAnswer, cite, evidence_of
from agent.toolset.focus import Focus
from agent.toolset.wording import clock, number, told_apart
from domain.errors import NotConfigured
from domain.evidence import Claim, Evidence, Observation
from domain.model import Timestamp
from domain.signals import ANY
from tools.prometheus.models import Sample, Series
from tools.prometheus.read import PrometheusReader
from tools.reading import Reading

Minutes = Annotated[int, Field(ge=1, le=1440)]
SERVICE_SIGNALS = ("error_ratio", "latency_p95", "saturation", "restarts", "cpu_usage", "memory_usage", "request_rate")
RATE_WINDOWS = ("1m", "5m")
"""Tried in turn: a site that scrapes once a minute has no rate over one minute."""

DEPENDENCIES = "dependencies"
"""The signal whose series are pairs of `client` and `server`."""

PAIRS = 40
SHOWN_SERIES = 20
SHOWN_POINTS = 6


class MetricTools:
    """Metrics, rules and signals."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def query_prometheus(
        self, ctx: RunContext[Focus], query: str, minutes: Minutes | None = None, ending_at: Timestamp | None = None
    ) -> CitedAnswer:
        """Ask Prometheus. Prefer check_signals for a service's golden signals.

        Args:
            query: PromQL; always with a selector that names a namespace, service or node.
            minutes: Length of a range query; leave out for one value now.
            ending_at: End of the range, or the moment of the value; the incident's time if left out.
        """
        reader, end = self._prometheus(), ending_at or ctx.deps.at
        if minutes is None:
            reading = await reader.instant(query, end)
            return CitedAnswer.of(_samples(reading))
        ranged = await reader.range(query, end - timedelta(minutes=minutes), end)
        return CitedAnswer.of(_series(ranged))

    async def check_signals(
        self,
        ctx: RunContext[Focus],
        service: str | None = None,
        namespace: str | None = None,
        *,
        signals: Annotated[tuple[str, ...], Field(max_length=15)] = SERVICE_SIGNALS,
        minutes: Minutes = 60,
        ending_at: Timestamp | None = None,
    ) -> CitedAnswer:
        """Golden signals of a service now, at their peak, and before (median of the first third of the time).

        Args:
            service: The service; the incident's if left out.
            namespace: Its namespace; the incident's if left out.
            signals: Names from the signals catalogue.
            minutes: How far to look back.
            ending_at: When to look back from; the incident's time if left out.
        """
        service = service or ctx.deps.service or ANY
        namespace = namespace or ctx.deps.namespace or ANY
        end = ending_at or ctx.deps.at
        catalogue = self._sources.signals
        known = [signal for signal in signals if signal in catalogue]
        start = end - timedelta(minutes=minutes)
        readings = await asyncio.gather(
            *(self._signal(signal, namespace, service, start=start, end=end) for signal in known)
        )
        looks = [_signal(signal, service, reading) for signal, reading in zip(known, readings, strict=True)]
        unknown = ", ".join(signal for signal in signals if signal not in catalogue)
        return CitedAnswer.of(
            *(evidence for evidence, _ in looks),
            claims=sorted((claim for _, claims in looks for claim in claims), key=_unmoved),
            note=f"not in the signals catalogue: {unknown}" if unknown else "",
        )

    async def _signal(
        self, signal: str, namespace: str, service: str, *, start: datetime, end: datetime
    ) -> Reading[tuple[Series, ...]]:
        """The signal with the shortest rate window that has points."""
        reader = self._prometheus()
        about = ANY if signal == DEPENDENCIES else service
        short, long = (
            self._sources.signals.render(signal, namespace=namespace, service=about, window=window)
            for window in RATE_WINDOWS
        )
        reading = await reader.range(short, start, end)
        if short == long or any(series.points for series in reading.value):
            return reading
        return await reader.range(long, start, end)

    async def alert_rules(self, ctx: RunContext[Focus], name: str | None = None) -> CitedAnswer:
        """Alerting rules with their expressions, so that one sees what an alert's number means.

        Args:
            name: One rule's name; those of the incident's alerts if left out.
        """
        wanted = {name} if name else {alert.name for alert in ctx.deps.alerts}
        reading = await self._prometheus().rules()
        rules = [rule for rule in reading.value if rule.kind == "alerting" and (not wanted or rule.name in wanted)]
        observations = [Observation(key=rule.name, value=rule.query) for rule in rules[:SHOWN_SERIES]]
        evidence = evidence_of(
            "metric",
            "prometheus",
            reading,
            summary=f"{len(rules)} alerting rule(s) of that name",
            observations=observations,
        )
        return CitedAnswer.of(evidence)

    async def list_alerts(
        self, ctx: RunContext[Focus], namespace: str | None = None, service: str | None = None
    ) -> CitedAnswer:
        """What is firing now.

        Args:
            namespace: Only alerts that name this namespace; the incident's if left out; `*` for all.
            service: Only alerts that name this service.
        """
        where = namespace or ctx.deps.namespace
        sought = {"namespace": None if where == "*" else where, "service": service}
        active = await self._active_alerts()
        labels = [
            (labels, since)
            for labels, since in active.value
            if all(value is None or value in labels.values() for value in sought.values())
        ]
        return _alerts_answer(active, labels, service or sought["namespace"])

    async def _active_alerts(self) -> Reading[tuple[tuple[dict[str, str], datetime | None], ...]]:
        if self._sources.alertmanager is not None:
            held = await self._sources.alertmanager.alerts()
            active = tuple((alert.labels, alert.starts_at) for alert in held.value if alert.state != "unprocessed")
            return Reading(active, held.query, held.digest, held.at)
        ruled = await self._prometheus().alerts()
        firing = tuple((alert.labels, alert.active_at) for alert in ruled.value if alert.state == "firing")
        return Reading(firing, ruled.query, ruled.digest, ruled.at)

    def _prometheus(self) -> PrometheusReader:
        if self._sources.prometheus is None:
            raise NotConfigured("prometheus")
        return self._sources.prometheus


def _samples(reading: Reading[tuple[Sample, ...]]) -> Evidence:
    shown = reading.value[:SHOWN_SERIES]
    observations = [Observation(key=_key(sample.labels), value=sample.value) for sample in shown]
    return evidence_of(
        "metric",
        "prometheus",
        reading,
        summary=f"{len(reading.value)} series",
        observations=observations,
    )


def _series(reading: Reading[tuple[Series, ...]]) -> Evidence:
    observations: list[Observation] = []
    for series in reading.value[:SHOWN_SERIES]:
        step = max(1, len(series.points) // SHOWN_POINTS)
        for seconds, value in series.points[::-1][::step][:SHOWN_POINTS]:
            observations.append(Observation(key=f"{_key(series.labels)} at {_iso(seconds)}", value=value))
    return evidence_of(
        "metric",
        "prometheus",
        reading,
        summary=f"{len(reading.value)} series, newest points first",
        observations=observations,
    )


def _signal(signal: str, service: str, reading: Reading[tuple[Series, ...]]) -> tuple[Evidence, list[Claim]]:
    """The evidence of one signal, and a claim about its highest series."""
    if signal == DEPENDENCIES:
        return _dependencies(service, reading)
    observations: list[Observation] = []
    highest: tuple[float, str] | None = None
    for series in reading.value[:SHOWN_SERIES]:
        values = [value for _, value in series.points]
        if not values:
            continue
        name = " ".join(filter(None, (service, signal, told_apart(series.labels, besides=service))))
        before = median(values[: max(1, len(values) // 3)])
        for when, value in (("now", values[-1]), ("before", before), ("peak", max(values))):
            observations.append(Observation(key=f"{name} {when}", value=value))
        highest = max(highest or (values[-1], name), (values[-1], name))
    evidence = evidence_of(
        "metric",
        "prometheus",
        reading,
        summary=f"{signal} of {service}: {len(reading.value)} series" if observations else f"no {signal} of {service}",
        observations=observations,
    )
    return evidence, [_signal_claim(signal, service, highest[1], evidence)] if highest else []


def _unmoved(claim: Claim) -> bool:
    """Whether a signal is as it was: such claims are told last."""
    return len(claim.citations) > 1 and len({citation.value for citation in claim.citations}) == 1


def _dependencies(service: str, reading: Reading[tuple[Series, ...]]) -> tuple[Evidence, list[Claim]]:
    """Who calls the service and whom it calls, with a claim a pair."""
    rates: dict[tuple[str, str], float] = {}
    for series in reading.value:
        client, server = series.labels.get("client", ""), series.labels.get("server", "")
        if client and server and series.points and (service == ANY or service in {client, server}):
            rates[client, server] = series.points[-1][1]
    pairs = sorted(rates, key=lambda pair: -rates[pair])[:PAIRS]
    evidence = evidence_of(
        "metric",
        "prometheus",
        reading,
        summary=f"{len(pairs)} pairs of caller and called",
        observations=[
            Observation(key=f"{client} calls {server}", value=rates[client, server]) for client, server in pairs
        ],
    )
    return evidence, [cite(evidence, f"{c} calls {s}", f"{c} calls {s}") for c, s in pairs]


def _signal_claim(signal: str, service: str, name: str, evidence: Evidence) -> Claim:
    keys = [f"{name} {when}" for when in ("now", "peak", "before")]
    seen = [evidence.observation(key) for key in keys]
    now, peak, before = (number(item.value) for item in seen if item and isinstance(item.value, float))
    about = name.removeprefix(f"{service} {signal}").strip() or service
    if now == peak == before:
        return cite(evidence, f"{signal} of {about} is {now}, as before", *keys)
    return cite(evidence, f"{signal} of {about} is {now}, at most {peak}, and was {before} before", *keys)


def _alerts_answer(
    reading: Reading[tuple[tuple[dict[str, str], datetime | None], ...]],
    alerts: Sequence[tuple[dict[str, str], datetime | None]],
    where: str | None,
) -> CitedAnswer:
    place = f" in {where}" if where else ""
    observations = [Observation(key="firing alerts", value=float(len(alerts)))]
    texts: list[tuple[str, str]] = []
    for labels, since in alerts[:SHOWN_SERIES]:
        about = next(
            (labels[name] for name in ("service", "app", "deployment", "pod", "namespace") if name in labels), ""
        )
        key = " ".join(filter(None, (labels.get("alertname", "alert"), about, labels.get("severity", ""))))
        observations.append(Observation(key=key, value=f"firing since {since.isoformat() if since else 'unknown'}"))
        texts.append((key, f"{labels.get('alertname', 'an alert')} is firing{_on(about)} since {clock(since)}"))
    evidence = evidence_of(
        "alert",
        "alertmanager",
        reading,
        summary=f"{len(alerts)} alert(s) firing{place}",
        observations=observations,
    )
    if not alerts:
        return CitedAnswer.of(evidence, claims=[cite(evidence, f"no alert is firing{place}", "firing alerts")])
    claims = [cite(evidence, text, key) for key, text in dict(texts).items()]
    return CitedAnswer.of(
        evidence, claims=[cite(evidence, f"{len(alerts)} alert(s) firing{place}", "firing alerts"), *claims]
    )


def _on(about: str) -> str:
    return f" on {about}" if about else ""


def _key(labels: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))[:200] or "value"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
