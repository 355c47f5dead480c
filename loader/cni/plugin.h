/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program as a CNI plugin: environment and stdin in, JSON on stdout. */
#ifndef NKCTL_CNI_PLUGIN_H
#define NKCTL_CNI_PLUGIN_H

#include <stdbool.h>

/* Whether a runtime has started the program: it always sets CNI_COMMAND. */
bool cni_plugin_is_wanted(void);

/* cni_plugin_run() - Return: the exit status: 0, or 1 with an error object on stdout. */
int cni_plugin_run(void);

#endif
