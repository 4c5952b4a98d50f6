"""Autoscalers that cannot make up their mind."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from agent.analyzers.distress import distress_of
from agent.analyzers.suspicion import LIKELY, STRONG, Suspicion
from agent.cluster.objects import Event, HorizontalPodAutoscaler
from agent.cluster.workloads import Workload
from agent.looks import states
from agent.situation import Situation, reference

WINDOW = timedelta(hours=1)
STILL = timedelta(minutes=15)
"""A last change longer ago than this: it has settled."""
EACH_WAY = 3
"""Changes up and down, each, within the window: once or twice are loads that came and went."""
_SIZE = re.compile(r"New size: (\d+); reason: (.*)", re.DOTALL)
_SCALED = re.compile(r"^Scaled (up|down) replica set", re.IGNORECASE)
_LOWER = re.compile(r"below target|All metrics below", re.IGNORECASE)


def flapping(situation: Situation) -> Iterator[Suspicion]:
    """Autoscalers that went up and down again and again within the hour."""
    for scaler in situation.cluster.autoscalers:
        target = scaler.spec.scale_target_ref
        workload = situation.cluster.workload(scaler.namespace, target.name)
        if workload is None or not situation.concerns(scaler.namespace):
            continue
        events = [event for event in _rescales(situation, scaler, workload) if _within(situation, event)]
        ups, downs = _directions(events)
        if min(ups, downs) < EACH_WAY or not _goes_on(situation, events):
            continue
        seen = tuple(situation.events.sees(f"{scaler} rescaled {n}", event.message) for n, event in enumerate(events))
        up, down = (
            situation.events.sees(f"{scaler} rescales up", float(ups)),
            situation.events.sees(f"{scaler} rescales down", float(downs)),
        )
        counted = states(f"{scaler} scaled {workload} up {ups} and down {downs} times within the hour", up, down)
        last = states(f"its last change: {seen[-1].value}", seen[-1])
        signs = distress_of(situation, workload).statements
        yield Suspicion("hpa_flapping", reference(workload), STRONG if signs else LIKELY, (counted, last, *signs))


def _rescales(situation: Situation, scaler: HorizontalPodAutoscaler, workload: Workload) -> list[Event]:
    """The autoscaler's own events, else the Deployment's about its newest revision: rollouts move two at once."""
    own = [event for event in situation.cluster.events_of(scaler) if event.reason == "SuccessfulRescale"]
    newest = {item.name for item in situation.cluster.revisions_of(workload)[-1:]}
    scaled = (event for event in situation.cluster.events_of(workload) if event.reason == "ScalingReplicaSet")
    return own or [
        event
        for event in scaled
        if _SCALED.match(event.message) and newest & set(event.message.replace(":", " ").split())
    ]


def _within(situation: Situation, event: Event) -> bool:
    age = situation.since(event.at)
    return age is not None and age <= WINDOW


def _goes_on(situation: Situation, events: list[Event]) -> bool:
    age = situation.since(events[-1].at)
    return age is not None and age <= STILL


def _directions(events: list[Event]) -> tuple[int, int]:
    """How often up and down: by the reasons, which repeat as counts; else by the sizes that follow each other."""
    downs = sum(event.times for event in events if _down(event))
    ups = sum(event.times for event in events) - downs
    if ups and downs:
        return ups, downs
    sizes = [int(match[1]) for event in events if (match := _SIZE.match(event.message))]
    return sum(a < b for a, b in pairwise(sizes)), sum(a > b for a, b in pairwise(sizes))


def _down(event: Event) -> bool:
    scaled = _SCALED.match(event.message)
    return scaled[1].lower() == "down" if scaled else _LOWER.search(event.message) is not None
