/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program as a plugin of netavark, the network of podman 5 and later: verbs as arguments, JSON
 * on stdin and stdout (plugin-API.md of netavark, API version 1.0.0).
 */
#ifndef NKCTL_CNI_NETAVARK_H
#define NKCTL_CNI_NETAVARK_H

#include <stdbool.h>

/* Whether netavark or podman has started the program: by verbs that nkctl itself doesn't have. */
bool netavark_is_wanted(int argc, char *const *argv);

/* netavark_run() - Return: the exit status: 0, or 1 with an object {"error": ...} on stdout. */
int netavark_run(int argc, char *const *argv);

#endif
