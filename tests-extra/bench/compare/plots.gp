# SPDX-License-Identifier: GPL-2.0-or-later
#
# Draws the CSV files in the working directory.

set datafile separator comma
set encoding utf8
set terminal svg size 800,400 font "sans-serif,13" background "#ffffff"
set border 3 lc rgb "#888888"
set tics nomirror textcolor rgb "#333333"
set key textcolor rgb "#333333"
set style line 1 lc rgb "#dddddd"

OURS = 0x1f6fb4; OURS_TOO = 0x79b2dc; THEIRS = 0xd9822b; STATIC = 0x8a8a8a
colour(title) = strstrt(title, "PowerDNS ALIAS") ? THEIRS : strstrt(title, "static") ? STATIC : OURS

# Cases from the top down: a measure is three columns, its median, least and most.

cases = int(system("grep -c . cases.csv")) - 1
set yrange [0.6 - cases : 0.6]
set ytics scale 0
set grid xtics linestyle 1
set style fill solid 0.85 noborder

unset key
set xrange [0:*]
array FILE[2] = ["cpu.svg", "rate.svg"]
array TITLE[2] = ["CPU per query, as a multiple of a static address", \
	"Replies a second at full load, as a share of a static address"]
do for [measure = 1:2] {
	set output FILE[measure]
	set title TITLE[measure]
	at = 3 * measure - 1
	plot "cases.csv" skip 1 \
			using (column(at)):(-$0):(0):(column(at)):(-$0 - 0.32):(-$0 + 0.32):(colour(strcol(1))):yticlabels(1) \
			with boxxyerror lc rgb variable, \
		"" skip 1 using (column(at)):(-$0):(column(at + 1)):(column(at + 2)) \
			with xerrorbars lc rgb "#000000" pt 0 lw 1.2, \
		"" skip 1 using (0):(valid(at) ? NaN : -$0):(" no reply") with labels left textcolor rgb "#a02020"
}

set output "latency.svg"
set title "Reply times at a moderate rate: median and 99th percentile, in us"
set logscale x
set xrange [10:*]
set key top right
plot "cases.csv" skip 1 using 14:(-$0):15:16:(colour(strcol(1))):yticlabels(1) \
		with xerrorbars pt 7 ps 0.8 lc rgb variable title "median", \
	"" skip 1 using 17:(-$0):18:19:(colour(strcol(1))) \
		with xerrorbars pt 6 ps 0.8 lc rgb variable title "99 %", \
	"" skip 1 using (11):(valid(14) ? NaN : -$0):("no reply") with labels left textcolor rgb "#a02020" notitle
unset logscale x

# What clients see each second, one server above the other

set output "outage.svg"
set title "Queries each second whose reply has the right address, while the resolver is dead"
set grid xtics ytics linestyle 1
set xrange [0:*]
set yrange [0:109]
set ytics scale 1 autofreq 25
set xlabel "seconds"
set ylabel "per cent"
set key at graph 0.755, graph 0.6 right opaque
share(kind, all) = 100.0 * kind / all
plot "outage.csv" skip 1 using 1:(share($2 + $3, $2 + $3 + $4)) with lines lw 3 lc rgb OURS title "Knot ALIAS", \
	"" skip 1 using 1:(share($3, $2 + $3 + $4)) with lines lw 1.5 dt 2 lc rgb OURS \
		title "of these, with EDE 3 (Stale Answer)", \
	"" skip 1 using 1:(share($5, $5 + $6 + $7)) with lines lw 3 lc rgb THEIRS title "PowerDNS ALIAS"

# Cold start: the share of names that have been answered within a time

set output "cold.svg"
set title "Names never asked for before: share of clients that have the address within a time"
set logscale x
set xrange [10:*]
set yrange [0:105]
set xlabel "ms"
set key inside right center
plot for [server = 2:4] "cold.csv" using server:1 with lines lw 3 \
	lc rgb (server == 2 ? OURS : server == 3 ? OURS_TOO : THEIRS) title columnheader(server)

# As targets grow in number

set output "growth.svg"
set title "CPU per query for any of the names, as a multiple of ten static ones"
set xrange [8:1.3e6]
set format x "10^{%L}"
set termoption enhanced
set yrange [0:*]
set ytics autofreq
set xlabel "targets"
unset ylabel
set key inside bottom right vertical
stats "growth.csv" skip 1 using 6 every ::0::0 nooutput name "TEN"
plot "growth.csv" skip 1 using 1:($3 / TEN_max):($4 / TEN_max):($5 / TEN_max) \
		with yerrorlines lw 2 pt 7 lc rgb OURS title "Knot ALIAS", \
	"" skip 1 using 1:($6 / TEN_max):($7 / TEN_max):($8 / TEN_max) \
		with yerrorlines lw 2 pt 7 lc rgb STATIC title "Knot static"
