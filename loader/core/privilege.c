// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/privilege.h"

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The initial one's inode number, PROC_USER_INIT_INO in the kernel's include/linux/proc_ns.h. */
#define USER_NS_INITIAL_INO 0xEFFFFFFDU

static const struct {
	unsigned int capability;
	const char *name;
} capabilities[PRIVILEGE_CAPABILITIES] = {
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ CAP_BPF, "CAP_BPF" },
};

static bool capability_is_effective(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &header, data) &&
	       data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

const char *privilege_missing(size_t index)
{
	return capability_is_effective(capabilities[index].capability) ? NULL
								       : capabilities[index].name;
}

bool privilege_is_initial(void)
{
	struct stat user_ns;

	return stat("/proc/self/ns/user", &user_ns) || user_ns.st_ino == USER_NS_INITIAL_INO;
}
