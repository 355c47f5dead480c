# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Makes the report of bench/native's lines: what was measured on, and for each figure its rounds, their median
# and, where there is one, the ratio to host networking. See bench/README.md for the intervals.

def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;

# How many of $n fair coins' sides make less than 2.5% at each end, counted from 1; 0 if not even one does.
def rank($n):
	reduce range($n / 2 | floor) as $k (
		{rank: 0, sum: 0, term: pow(0.5; $n)};
		.sum += .term | if .sum <= 0.025 then .rank = $k + 1 else . end |
		.term *= ($n - $k) / ($k + 1)) | .rank;

# The interval that has the median in it in 95% of cases or more, whatever the distribution: between two order
# statistics. null where the rounds are too few.
def interval: sort as $sorted | rank(length) as $rank |
	if $rank == 0 then null else [$sorted[$rank - 1], $sorted[length - $rank]] end;

def units($test; $metric): if $metric != "rate" then {unit: "us", better: "less"}
	elif $test | startswith("tcp_stream") then {unit: "Mbit/s", better: "more"}
	else {unit: "1/s", better: "more"} end;

# Nothing is said where the intervals overlap.
def verdict($figure; $host): ($figure.interval // [0, infinite]) as [$low, $high] |
	($host.interval // [0, infinite]) as [$host_low, $host_high] |
	if $low > $host_high then (if $figure.better == "more" then "better" else "worse" end)
	elif $high < $host_low then (if $figure.better == "more" then "worse" else "better" end)
	else null end;

# Each round is compared with the host of the same round.
def compared($host): [.rounds, $host.rounds] | transpose | map(.[0] / .[1]);

def parse: reduce inputs as $line ({figures: {}}; ($line | split(" ")) as $words |
	if $words[0] == "fact" then .[$words[1]] = ($words[2:] | join(" "))
	elif $words[0] == "sysctl" then .sysctls[$words[1]] = ($words[2:] | join(" "))
	elif $words[0] == "rules" then .firewall_rules[$words[1]] = ($words[2] | tonumber)
	elif $words[4] == "repeats" then .repeated += ($words[6] | tonumber)
	else ($words[1:5] | join(" ")) as $name |
		.figures[$name] |= ($words as [$_, $case, $test, $family, $metric, $tool] |
			{$case, $test, $family, $metric, $tool} + units($test; $metric) +
			{rounds: ((.rounds // []) + [$words[6] | tonumber])}) end);

parse | .figures |= map_values(.median = (.rounds | median) | .interval = (.rounds | interval)) |
.figures as $figures |
{form: "native", seconds: $seconds, rounds: ([.figures[].rounds | length] | min)} + . + {figures: [$figures[] |
	if .case == "host" then . else . as $figure |
		($figures["host \(.test) \(.family) \(.metric)"]) as $host |
		compared($host) as $ratios |
		.ratio = ($ratios | median) | .ratio_interval = ($ratios | interval) |
		.verdict = verdict($figure; $host) end]}
