/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waiting for what can only be looked at. */
#ifndef NKCTL_CORE_PAUSE_H
#define NKCTL_CORE_PAUSE_H

/**
 * pause_before_look() - sleep until it's time to look again, a fraction of what was waited already.
 * @waited_us: in all so far, in microseconds
 * @least_us, @most_us: bounds of the pause
 *
 * A hundred processes that look all the time keep the one that works from the processor, and the
 * kernel's locks busy; and who has waited long can do so an eighth longer.
 *
 * Return: how long it was, in microseconds.
 */
int pause_before_look(int waited_us, int least_us, int most_us);

#endif
