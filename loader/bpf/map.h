/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A map by its descriptor alone, whoever made it. */
#ifndef NKCTL_BPF_MAP_H
#define NKCTL_BPF_MAP_H

#include <linux/bpf.h>
#include <stddef.h>

/* map_info() - what the kernel tells of it. Return: 0, or a negative errno. */
int map_info(int fd, struct bpf_map_info *ret_info);

/**
 * map_section_read() - read a map that is a section of an object, .rodata or the like: its one
 * value. Another build's may have another size: what it has more is left out, what it lacks is
 * zero.
 *
 * Return: 0, or a negative errno.
 */
int map_section_read(int fd, void *ret_value, size_t size);

#endif
