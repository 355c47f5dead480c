// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The doctor's checks of the kernel: each tries what an attach or the programs would do. */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bpf/collector.h"
#include "bpf/invalidator.h"
#include "bpf/pins.h"
#include "bpf/probe.h"
#include "bpf/sockets.h"
#include "bpf/tracker.h"
#include "bpf/uapi.h"
#include "core/cleanup.h"
#include "core/expedite.h"
#include "core/netns.h"
#include "core/privilege.h"
#include "core/sysctl.h"
#include "nl/link.h"
#include "nl/netkit.h"
#include "ops/doctor_check.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"

/* For programs that run where the kernel calls functions of its own. */
#define FENTRY_MEND                                                                     \
	"boot a kernel with CONFIG_DEBUG_INFO_BTF and CONFIG_FUNCTION_TRACER, without " \
	"lockdown"

static bool capabilities_are_complete(void)
{
	for (size_t i = 0; i < PRIVILEGE_CAPABILITIES; i++)
		if (privilege_missing(i))
			return false;
	return true;
}

/* Root of a user namespace has capabilities too, but the kernel takes no program from it. */
static bool programs_are_permitted(void)
{
	_cleanup_close_ int fd = probe_program_load(NK_BPF_TCX_INGRESS, NULL);

	return fd != -EPERM;
}

bool doctor_is_privileged(void)
{
	return geteuid() == 0 && capabilities_are_complete() && programs_are_permitted();
}

static void privilege_is_missing(struct doctor_check *check)
{
	for (size_t i = 0; i < PRIVILEGE_CAPABILITIES; i++)
		if (privilege_missing(i))
			finding_add(check, DOCTOR_FAIL, "no %s", privilege_missing(i));
	if (check->state == DOCTOR_OK)
		finding_add(check, DOCTOR_FAIL, "root, but not of the initial user namespace");
	finding_explain(check, "an attach makes devices, enters namespaces and loads programs",
			"give the service or container that nkctl runs in the capabilities, in "
			"the initial user namespace");
}

void doctor_check_privilege(struct doctor *doctor, struct doctor_check *check)
{
	if (doctor->is_privileged) {
		finding_add(check, DOCTOR_OK, "root, and the kernel takes eBPF programs from it");
	} else if (geteuid() == 0) {
		privilege_is_missing(check);
	} else {
		finding_add(check, DOCTOR_FAIL, "not root");
		finding_explain(check,
				"devices and eBPF programs are root's: much wasn't looked at",
				"run it as root: sudo nkctl doctor");
	}
}

void doctor_check_namespaces(struct doctor *doctor, struct doctor_check *check)
{
	if (doctor->netns_nl) {
		finding_add(check, DOCTOR_OK, "network namespaces can be made");
		return;
	}
	finding_add(check, DOCTOR_FAIL, "%s", doctor->netns_error.message);
	finding_explain(check, "there can be no containers to attach",
			"boot a kernel with CONFIG_NET_NS, raise the sysctl "
			"user.max_net_namespaces");
}

void doctor_check_programs(struct doctor *doctor, struct doctor_check *check)
{
	struct error err;

	if (!datapath_try(doctor->node_result ? NULL : &doctor->node.datapath, &err)) {
		finding_add(check, DOCTOR_OK, "the kernel takes this build's programs");
		return;
	}
	finding_add(check, DOCTOR_FAIL, "%s", err.message);
	finding_explain(check, "nothing can be attached",
			"boot Linux 6.6 or later with CONFIG_BPF_SYSCALL, without lockdown");
}

static bool collector_is_missing(const struct doctor *doctor)
{
	uint32_t id;

	return !doctor->node_result &&
	       collector_program_id(&doctor->node.datapath.pins, &id, NULL) == -ENOENT;
}

void doctor_check_collector(struct doctor *doctor, struct doctor_check *check)
{
	static const char meaning[] = "addresses of containers that die stay taken until a later "
				      "attach or detach";
	struct error err;

	if (collector_try(&err)) {
		finding_add(check, DOCTOR_NOTE, "%s", err.message);
		finding_explain(check, meaning, FENTRY_MEND);
	} else if (collector_is_missing(doctor)) {
		finding_add(check, DOCTOR_NOTE, "the kernel takes it, and it isn't attached");
		finding_explain(check, meaning, "nkctl upgrade");
	} else {
		finding_add(check, DOCTOR_OK, "the kernel takes it");
	}
}

/* Whether the programs that are loaded keep paths, and so whether somebody has to tell them. */
static bool paths_are_kept(const struct doctor *doctor)
{
	return !doctor->node_result && doctor->node.datapath.config.path_cache;
}

static bool paths_may_be_old(const struct doctor *doctor)
{
	return paths_are_kept(doctor) &&
	       invalidator_state(&doctor->node.datapath.pins) == INVALIDATOR_GONE;
}

static bool path_cache_is_on(const struct doctor *doctor)
{
	return paths_are_kept(doctor) &&
	       invalidator_state(&doctor->node.datapath.pins) == INVALIDATOR_ATTACHED;
}

void doctor_check_path_cache(struct doctor *doctor, struct doctor_check *check)
{
	static const char meaning[] = "each packet out of a container is looked up in all tables";
	struct error err;

	if (path_cache_is_on(doctor)) {
		finding_add(check, DOCTOR_OK, "on: the kernel tells of each change");
	} else if (paths_may_be_old(doctor)) {
		finding_add(check, DOCTOR_WARN, "programs that tell of changes are gone");
		finding_explain(check,
				"for up to half a minute after a change of routes or neighbours, "
				"containers' packets may go the old way",
				"nkctl upgrade");
	} else if (invalidator_try(&err)) {
		finding_add(check, DOCTOR_NOTE, "off: %s", err.message);
		finding_explain(check, meaning, FENTRY_MEND);
	} else if (!doctor->node_result) {
		finding_add(check, DOCTOR_NOTE, "off, and the kernel takes its programs");
		finding_explain(check, meaning, "nkctl upgrade");
	} else {
		finding_add(check, DOCTOR_OK, "the kernel takes its programs");
	}
}

/* PROC_CGROUP_INIT_INO, include/linux/proc_ns.h. */
#define INITIAL_CGROUP_NAMESPACE 0xeffffffb

static bool cgroups_are_initial(void)
{
	struct stat own;

	return stat("/proc/self/ns/cgroup", &own) || own.st_ino == INITIAL_CGROUP_NAMESPACE;
}

static bool sockets_are_missing(struct doctor *doctor)
{
	bool empty;

	return !doctor->node_result && !published_is_empty(&doctor->node.datapath, &empty, NULL) &&
	       !empty && !sockets_are_attached(&doctor->node.datapath);
}

void doctor_check_sockets(struct doctor *doctor, struct doctor_check *check)
{
	static const char meaning[] = "this host itself doesn't reach the ports that it publishes; "
				      "others do";
	struct error err;

	if (sockets_try(&err)) {
		finding_add(check, DOCTOR_NOTE, "%s", err.message);
		finding_explain(check, meaning,
				"boot a kernel with CONFIG_CGROUPS and CONFIG_CGROUP_BPF, without "
				"lockdown");
	} else if (sockets_are_missing(doctor)) {
		finding_add(check, DOCTOR_WARN, "ports are published, and they aren't attached");
		finding_explain(check, meaning, "nkctl upgrade");
	} else if (!cgroups_are_initial()) {
		finding_add(check, DOCTOR_NOTE, "in a cgroup namespace of its own");
		finding_explain(check,
				"of this host's processes only those of that namespace reach the "
				"ports that it publishes",
				"run nkctl in the initial cgroup namespace");
	} else if (tracker_try(&err)) {
		finding_add(check, DOCTOR_NOTE, "%s", err.message);
		finding_explain(check,
				"this host itself reaches its published ports by those of its own "
				"addresses alone that it had when a port was published last",
				FENTRY_MEND);
	} else {
		finding_add(check, DOCTOR_OK, "the kernel takes their programs");
	}
}

void doctor_check_jit(struct doctor *doctor, struct doctor_check *check)
{
	bool compiled = false;
	struct error err;

	(void)doctor;
	if (probe_jit(&compiled, &err)) {
		finding_add(check, DOCTOR_WARN, "%s", err.message);
	} else if (compiled) {
		finding_add(check, DOCTOR_OK, "programs are compiled");
	} else {
		finding_add(check, DOCTOR_WARN, "programs are interpreted");
		finding_explain(check, "each packet costs several times the instructions",
				"sysctl -w net.core.bpf_jit_enable=1");
	}
}

void doctor_check_btf(struct doctor *doctor, struct doctor_check *check)
{
	(void)doctor;
	if (!access(BTF_PATH, F_OK)) {
		finding_add(check, DOCTOR_OK, "the kernel describes its types in " BTF_PATH);
		return;
	}
	finding_add(check, DOCTOR_NOTE, "no " BTF_PATH);
	finding_explain(check, "the collector can't work, nor can bpftrace and the like",
			"boot a kernel with CONFIG_DEBUG_INFO_BTF");
}

/* In another mount namespace than the system's, what is mounted goes with its last process. */
static bool mounts_are_private(void)
{
	struct stat own, initial;

	return !stat("/proc/self/ns/mnt", &own) && !stat("/proc/1/ns/mnt", &initial) &&
	       own.st_ino != initial.st_ino;
}

void doctor_check_bpffs(struct doctor *doctor, struct doctor_check *check)
{
	struct statfs fs;

	(void)doctor;
	if (statfs(BPFFS_PATH, &fs)) {
		finding_add(check, DOCTOR_FAIL, "no directory " BPFFS_PATH);
		finding_explain(check, "there is nowhere to pin maps and programs",
				"mount sysfs on /sys, and boot a kernel with CONFIG_BPF_SYSCALL");
	} else if ((unsigned long)fs.f_type == BPF_FS_MAGIC && fs.f_flags & ST_RDONLY) {
		finding_add(check, DOCTOR_FAIL, "mounted on " BPFFS_PATH ", read-only");
		finding_explain(check, "there is nowhere to pin maps and programs",
				"mount -o remount,rw " BPFFS_PATH);
	} else if ((unsigned long)fs.f_type == BPF_FS_MAGIC) {
		finding_add(check, DOCTOR_OK, "mounted on " BPFFS_PATH);
	} else if (!mounts_are_private()) {
		finding_add(check, DOCTOR_OK, "not mounted: the first attach does that");
	} else {
		finding_add(check, DOCTOR_WARN, "not mounted, in a mount namespace of its own");
		finding_explain(check,
				"the first attach mounts it for this namespace alone: nkctl "
				"elsewhere won't see what is attached",
				"mount -t bpf bpf " BPFFS_PATH ", outside (`ip netns exec` makes "
				"such a namespace, `nsenter --net` doesn't)");
	}
}

void doctor_check_sysctl(struct doctor *doctor, struct doctor_check *check)
{
	struct error err;

	(void)doctor;
	if (!sysctl_check_writable(&err)) {
		finding_add(check, DOCTOR_OK, "settings of devices can be written");
		return;
	}
	finding_add(check, DOCTOR_FAIL, "%s", err.message);
	finding_explain(check, "an attach turns forwarding on for its devices",
			"mount -o remount,rw /proc/sys, or give the service or container that "
			"nkctl runs in a writable one");
}

/* Things tried in the throw-away namespace ----------------------------------------------------- */

static int tcx_try(void *data, struct error *err)
{
	(void)data;
	return probe_hook(NK_BPF_TCX_INGRESS, LOOPBACK_IFINDEX, err);
}

void doctor_check_tcx(struct doctor *doctor, struct doctor_check *check)
{
	struct error err;

	if (!netns_run(doctor->netns_fd, tcx_try, NULL, &err)) {
		finding_add(check, DOCTOR_OK, "devices take programs at tcx ingress");
		return;
	}
	finding_add(check, DOCTOR_FAIL, "no program at tcx ingress: %s", err.message);
	finding_explain(check, "packets can't be taken in from an uplink",
			"boot Linux 6.6 or later with CONFIG_NET_XGRESS");
}

/**
 * struct pair_trial - a kind of device pair to try.
 * @create: netkit_create() or veth_create()
 * @hook: enum bpf_attach_type of the hook that an endpoint's program would be at
 * @created: whether there was a pair at all
 */
struct pair_trial {
	struct doctor *doctor;
	int (*create)(struct nlsock *nl, const struct pair_spec *spec, struct error *err);
	uint32_t hook;
	bool created;
};

#define TRIAL_PRIMARY "nktrial0"
#define TRIAL_PEER    "nktrial1"
#define TRIAL_MTU     1500

static int pair_examine(struct pair_trial *trial, const struct link_info *link, struct error *err)
{
	struct doctor *doctor = trial->doctor;
	int ret = probe_hook(trial->hook, link->ifindex, err);

	if (!ret && trial->hook == NK_BPF_NETKIT_PEER)
		ret = netkit_features(doctor->netns_nl, link->name, &doctor->netkit_features, err);
	return ret;
}

static int pair_try(void *data, struct error *err)
{
	struct pair_trial *trial = data;
	struct nlsock *nl = trial->doctor->netns_nl;
	const struct pair_spec spec = { .primary_name = TRIAL_PRIMARY,
					.peer_name = TRIAL_PEER,
					.peer_netns_fd = trial->doctor->netns_fd,
					.mtu = TRIAL_MTU,
					.mode = NK_MODE_L3,
					.primary_mac = NK_GATEWAY_MAC,
					.peer_mac = NK_GATEWAY_MAC };
	struct link_info link;
	int ret = trial->create(nl, &spec, err);

	if (ret)
		return ret;
	trial->created = true;
	ret = link_get_by_name(nl, TRIAL_PRIMARY, &link, err);
	if (ret)
		return ret;
	ret = pair_examine(trial, &link, err);
	(void)link_delete(nl, link.ifindex, NULL); /* else it goes with its namespace */
	return ret;
}

void doctor_check_netkit(struct doctor *doctor, struct doctor_check *check)
{
	struct pair_trial trial = { doctor, netkit_create, NK_BPF_NETKIT_PEER, false };
	struct error err;
	int ret = netns_run(doctor->netns_fd, pair_try, &trial, &err);

	doctor->has_netkit = !ret;
	if (!ret) {
		finding_add(check, DOCTOR_OK, "pairs can be made, and take programs");
		return;
	}
	if (ret == -EOPNOTSUPP && !trial.created)
		finding_add(check, DOCTOR_WARN, "this kernel has no netkit devices");
	else
		finding_add(check, DOCTOR_WARN, "no pair with a program: %s", err.message);
	finding_explain(check,
			"containers get veth pairs, which cost more per packet and aren't closed "
			"by the kernel itself when a program goes",
			"boot Linux 6.7 or later with CONFIG_NETKIT (Debian 12: linux-image-amd64 "
			"from bookworm-backports)");
}

void doctor_check_netkit_features(struct doctor *doctor, struct doctor_check *check)
{
	if (!doctor->has_netkit) {
		finding_add(check, DOCTOR_NOTE, "not tried: there is no netkit");
		return;
	}
	for (size_t i = 0; i < NETKIT_FEATURE_COUNT; i++)
		finding_add(check, DOCTOR_OK, "%s%s",
			    doctor->netkit_features & 1U << i ? "" : "no ",
			    netkit_feature_name((enum netkit_feature)i));
}

void doctor_check_veth(struct doctor *doctor, struct doctor_check *check)
{
	struct pair_trial trial = { doctor, veth_create, NK_BPF_TCX_INGRESS, false };
	struct error err;

	/* Trying would load a module that nothing else may ever need. */
	if (doctor->has_netkit) {
		finding_add(check, DOCTOR_OK, "not tried: netkit takes its place");
		return;
	}
	if (!netns_run(doctor->netns_fd, pair_try, &trial, &err)) {
		finding_add(check, DOCTOR_OK, "pairs can be made, and take programs");
		return;
	}
	finding_add(check, DOCTOR_FAIL, "no pair with a program: %s", err.message);
	finding_explain(check, "there is no device for a container: neither netkit nor veth",
			"boot a kernel with CONFIG_NETKIT or CONFIG_VETH");
}

/* Helpers of the programs ---------------------------------------------------------------------- */

static const struct {
	uint32_t flags;
	const char *name;
} fib_flags[] = {
	{ NK_BPF_FIB_LOOKUP_TBID, "tbid" },
	{ NK_BPF_FIB_LOOKUP_SRC, "src" },
	{ NK_BPF_FIB_LOOKUP_MARK, "mark" },
};

/* The datapath takes but the one that tells the host's own address on the way out. */
static void fib_flag_tell(struct doctor_check *check, uint32_t flags, const char *name)
{
	bool taken = !probe_fib_lookup(flags, NULL);
	bool missed = !taken && flags == NK_BPF_FIB_LOOKUP_SRC;

	finding_add(check, missed ? DOCTOR_WARN : DOCTOR_OK, "%s%s", taken ? "" : "no ", name);
	if (missed)
		finding_explain(check,
				"programs don't learn the host's address: nothing can be "
				"masqueraded or published, and what a container's packets run into "
				"isn't answered by ICMP",
				"boot Linux 6.7 or later, or 6.6.19, or attach with "
				"--no-masquerade");
}

void doctor_check_fib_lookup(struct doctor *doctor, struct doctor_check *check)
{
	struct error err;

	(void)doctor;
	if (probe_fib_lookup(0, &err)) {
		finding_add(check, DOCTOR_FAIL, "%s", err.message);
		finding_explain(check, "programs can't ask the kernel for a packet's route",
				"boot a kernel with CONFIG_INET");
		return;
	}
	finding_add(check, DOCTOR_OK, "bpf_fib_lookup()");
	for (size_t i = 0; i < ARRAY_SIZE(fib_flags); i++)
		fib_flag_tell(check, fib_flags[i].flags, fib_flags[i].name);
}

void doctor_check_redirect_peer(struct doctor *doctor, struct doctor_check *check)
{
	struct error err;

	(void)doctor;
	if (probe_redirect_peer(0, &err)) {
		finding_add(check, DOCTOR_FAIL, "%s", err.message);
		finding_explain(check, "programs can't put a packet into a container",
				"boot Linux 6.6 or later");
		return;
	}
	finding_add(check, DOCTOR_OK, "bpf_redirect_peer() into a container");
	finding_add(check, DOCTOR_OK, "%segress",
		    probe_redirect_peer(NK_BPF_F_EGRESS, NULL) ? "no " : "");
}

/* What attaches wait for ----------------------------------------------------------------------- */

static const char *const grace_periods[] = {
	[EXPEDITE_ON_DEMAND] = "expedited while an attach or a detach waits for one",
	[EXPEDITE_ALWAYS] = "always expedited: " EXPEDITE_SWITCH " is on",
	[EXPEDITE_REFUSED] = "never expedited: /sys/kernel/rcu_normal is on",
	[EXPEDITE_REALTIME] = "not expedited on a kernel for real time",
	[EXPEDITE_READ_ONLY] = "not expedited: " EXPEDITE_SWITCH " can't be written",
};

void doctor_check_grace_periods(struct doctor *doctor, struct doctor_check *check)
{
	enum expedite_state state = expedite_state();
	bool expedited = state == EXPEDITE_ON_DEMAND || state == EXPEDITE_ALWAYS;

	(void)doctor;
	finding_add(check, expedited ? DOCTOR_OK : DOCTOR_NOTE, "%s", grace_periods[state]);
	if (!expedited)
		finding_explain(check, "an attach waits some 10 ms longer, and others wait for it",
				NULL);
}
