/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pins that were lost are put back: a program that is attached keeps its maps alive, pinned or not
 * (bpf_prog_aux.used_maps, include/linux/bpf.h), and the kernel tells which they are.
 */
#ifndef NKCTL_BPF_RESCUE_H
#define NKCTL_BPF_RESCUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/datapath.h"

/**
 * rescue_program_check() - whether a program works on the maps that are pinned.
 *
 * Configurations aren't compared: each load has one of its own.
 *
 * Return: 0; -ESTALE where it works on others; other errors where it couldn't be looked at.
 */
int rescue_program_check(const struct pins *pins, uint32_t id, struct error *err);

/* rescue_program_fits() - the same: false only where it is known to work on others. */
bool rescue_program_fits(const struct pins *pins, uint32_t id);

/* rescue_is_possible() - whether a program of ours is attached to a device of this namespace. */
bool rescue_is_possible(void);

/**
 * rescue_pins() - pin again what this namespace's attached programs hold: maps, configuration and
 * the programs themselves. Needs the exclusive lock, and pins_prepare() before. What is pinned
 * stays; programs that work on other maps are left out.
 *
 * Return: 0, also where there was nothing to pin.
 */
int rescue_pins(const struct pins *pins, struct error *err);

#endif
