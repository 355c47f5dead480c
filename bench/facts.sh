# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What figures depend on. Sourced by the scripts whose lines bench/programs.jq makes JSON of.

print_facts()
{
	echo "fact kernel $(uname -r)"
	echo "fact model $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed -n 1p)"
	echo "fact processors $(nproc)"
	echo "fact load $(cut -d ' ' -f 1 /proc/loadavg)"
}
