"""The vocabulary of root causes. Ids are stored data and a contract with suites: add, never rename."""

from typing import Literal

from domain.model import Model

FaultClass = Literal[
    "Admission_Fault",
    "Scheduling_Fault",
    "Startup_Fault",
    "Runtime_Fault",
    "Service_Routing_Fault",
    "Infrastructure_Fault",
    "Performance_Fault",
    "Change_Fault",
]


class Cause(Model):
    """One root cause: what class of fault it is, and one line a person understands."""

    id: str
    fault: FaultClass
    title: str


def _causes(fault: FaultClass, **titles: str) -> tuple[Cause, ...]:
    return tuple(Cause(id=name, fault=fault, title=title) for name, title in titles.items())


_ALL = (
    *_causes(
        "Admission_Fault",
        missing_service_account="The pod template names a service account that does not exist",
        namespace_cpu_quota_exceeded="The namespace's CPU quota refuses new pods",
        namespace_memory_quota_exceeded="The namespace's memory quota refuses new pods",
        namespace_pod_quota_exceeded="The namespace's pod-count quota refuses new pods",
        namespace_service_quota_exceeded="The namespace's service-count quota refuses new services",
        namespace_storage_quota_exceeded="The namespace's storage quota refuses new volume claims",
        mutating_webhook_failure="An admission webhook fails or rewrites pods so that they cannot run",
        pod_security_violation="Pod security admission refuses the pods",
    ),
    *_causes(
        "Scheduling_Fault",
        cpu_capacity_mismatch="The pod requests more CPU than any node has free",
        memory_capacity_mismatch="The pod requests more memory than any node has free",
        node_affinity_mismatch="No node satisfies the pod's node affinity",
        node_cordon_mismatch="The nodes the pod needs are cordoned",
        node_selector_mismatch="No node carries the labels of the pod's node selector",
        pod_anti_affinity_conflict="Anti-affinity leaves no node for the pod",
        taint_toleration_mismatch="The nodes carry a taint the pod does not tolerate",
        pv_binding_occupied="The volume the claim wants is bound to another claim",
        pvc_access_mode_mismatch="No volume offers the claim's access mode",
        pvc_capacity_mismatch="No volume is large enough for the claim",
        pvc_selector_mismatch="No volume matches the claim's selector",
        pvc_storage_class_mismatch="The claim's storage class does not exist or does not match",
    ),
    *_causes(
        "Startup_Fault",
        image_registry_dns_failure="The image registry's name does not resolve",
        incorrect_image_reference="The image or tag does not exist",
        missing_image_pull_secret="The registry refuses the pull: no valid pull secret",
        volume_mount_permission_denied="The container may not read or write its volume",
        missing_secret_binding="The pod refers to a Secret or a key that does not exist",
        missing_config_map="The pod refers to a ConfigMap or a key that does not exist",
        container_command_not_found="The container's command does not exist in the image",
        init_container_failure="An init container fails, so the pod never starts",
    ),
    *_causes(
        "Runtime_Fault",
        liveness_probe_incorrect_port="The liveness probe asks a port nothing listens on",
        liveness_probe_incorrect_protocol="The liveness probe speaks the wrong protocol",
        liveness_probe_incorrect_timing="The liveness probe gives the container too little time",
        readiness_probe_incorrect_port="The readiness probe asks a port nothing listens on",
        readiness_probe_incorrect_protocol="The readiness probe speaks the wrong protocol",
        oom_killed="The container reaches its memory limit and is killed",
        crash_loop="The container exits again and again",
        db_connection_exhaustion="The database has no connections left",
        db_read_only="The database refuses writes",
        deployment_zero_replicas="The workload is scaled to zero",
        mysql_invalid_credentials="The client logs in to the database with wrong credentials",
        mysql_invalid_port="The client connects to the database on a wrong port",
        service_sidecar_port_conflict="Two containers of the pod want the same port",
        replica_loss="Fewer replicas run than asked for, for no fault of the pods",
        disk_full="A volume or a node's disk is full",
        certificate_expired="A TLS certificate is expired or not yet valid",
        rate_limited="An upstream refuses requests over its rate limit",
        connection_pool_exhausted="The client's connection pool has no free connection",
        job_deadlocked="A job neither finishes nor fails",
        clock_skew="Clocks differ enough to break tokens or ordering",
    ),
    *_causes(
        "Service_Routing_Fault",
        service_env_var_address_mismatch="The workload's configuration names a wrong address for a dependency",
        service_port_mapping_mismatch="The Service's target port is not one its pods listen on",
        service_protocol_mismatch="The Service declares the wrong protocol",
        service_selector_mismatch="The Service selects no pods",
        gateway_misroute="The gateway or ingress routes to the wrong backend",
        service_dns_resolution_failure="The Service's name does not resolve",
        network_policy_blocks="A network policy forbids the traffic",
    ),
    *_causes(
        "Infrastructure_Fault",
        containerd_unavailable="The node's container runtime is down",
        kube_proxy_unavailable="kube-proxy is down on the node",
        kube_scheduler_unavailable="The scheduler is down",
        kubelet_unavailable="The node's kubelet is down",
        node_network_delay="The node's network is slow",
        node_network_packet_loss="The node's network loses packets",
        node_pressure="The node is out of memory, disk or process ids",
        node_not_ready="The node is not ready",
    ),
    *_causes(
        "Performance_Fault",
        pod_cpu_overload="The pods have less CPU than the load needs",
        pod_network_delay="The pod's network is slow",
        slow_dependency="A service this one calls has become slow",
        memory_leak="Memory grows until the limit",
        hpa_flapping="The autoscaler scales up and down in turn",
    ),
    *_causes(
        "Change_Fault",
        bad_release="A new version of the workload brought the fault",
        bad_configuration_change="A configuration change brought the fault",
        application_out_of_sync="The live objects are not what Git says",
        sync_failed="Argo CD could not apply what Git says",
    ),
)

CAUSES: dict[str, Cause] = {cause.id: cause for cause in _ALL}
"""Every cause by id."""
