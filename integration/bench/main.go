// Command bench measures a broker as its users feel it, beside real Apache Kafka 2.5.0 when Java
// and its jars (make peers) are there: start-up, memory, throughput with the broker's own CPU time,
// latency at a modest rate. Both sides run the same loads in turn, in one run, on the same machine;
// what counts is the ratio. It asserts nothing.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"momus/integration/bench/limit"
)

// figure is one line of the table; lower or higher is better only in the reader's eyes.
type figure struct {
	name string
	unit string
}

// The table's lines, in order.
var figures = []figure{
	{"start to first produce", "s"},
	{"idle memory (RSS)", "MB"},
	{"produce, 1 KB, 16 connections", "MB/s"},
	{"  broker CPU", "s/GB"},
	{"produce, 1 KB zstd, 16 connections", "MB/s"},
	{"  broker CPU (zstd)", "s/GB"},
	{"consume, 1 KB, 1 consumer", "MB/s"},
	{"  broker CPU (consume)", "s/GB"},
	{"1,000 records/s, acks=all: p50", "ms"},
	{"1,000 records/s, acks=all: p99", "ms"},
	{"  broker cores", ""},
	{"memory after load (RSS)", "MB"},
}

// main reads the options. It also is the program that package limit needs, so that the bench is one
// file to carry about.
func main() {
	momus := flag.String("momus", "bin/momus", "the momus binary")
	peers := flag.String("peers", "build/peers", "directory with the jars of Apache Kafka 2.5.0 and ZooKeeper (make peers)")
	rounds := flag.Int("rounds", 3, "rounds; the table shows medians")
	window := flag.Duration("window", 4*time.Second, "length of each throughput window")
	warm := flag.Duration("warm", 20*time.Second, "load before the first window, for a JVM to compile")
	markdown := flag.Bool("markdown", false, "print the table for the README")
	only := flag.String("only", "", "run these scenarios in place of the standard table, comma separated: "+scenarioNames())
	alone := flag.Bool("alone", false, "with -only: leave Apache Kafka out")
	serveLimit := flag.String("serve-limit", "", "be the limit program (see package limit): answer Produce at this address; arguments: a directory, and \"together\" for group writes")
	flag.Parse()
	if *serveLimit != "" {
		fmt.Fprintln(os.Stderr, "bench:", limit.Serve(*serveLimit, flag.Arg(0), partitions, flag.Arg(1) == "together"))
		os.Exit(1)
	}
	if *only != "" {
		if err := runScenarios(*only, *momus, *peers, *rounds, *alone, *markdown); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*momus, *peers, *rounds, *window, *warm, *markdown); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures the standard table. In each round all kinds of broker take their turn, so that what
// the machine does besides hits all of them.
func run(momus, peers string, rounds int, window, warm time.Duration, markdown bool) error {
	dir, err := os.MkdirTemp("", "momus-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sides := []*side{{name: "momus", start: momusArgs(momus)}}
	if apache, why := apacheArgs(peers); apache != nil {
		sides = append(sides, &side{name: "Apache Kafka 2.5.0", start: apache})
	} else {
		fmt.Println("Apache Kafka is left out:", why)
	}
	for _, s := range sides {
		s.values = map[string][]float64{}
		defer s.stop()
	}
	for r := range rounds {
		for _, s := range sides {
			fmt.Printf("round %d of %d: %s, start-up\n", r+1, rounds, s.name)
			if err := s.startUp(filepath.Join(dir, fmt.Sprintf("%s-%d", strings.Fields(s.name)[0], r)), r == rounds-1); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	for _, s := range sides { // the last round's processes stay
		fmt.Printf("%s: warming up\n", s.name)
		if err := s.warmUp(warm); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for r := range rounds {
		for _, s := range sides {
			fmt.Printf("round %d of %d: %s, load\n", r+1, rounds, s.name)
			if err := s.load(r, window); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	for _, s := range sides {
		s.note("memory after load (RSS)", s.proc.rssMB())
	}
	printTable(sides, markdown)
	return nil
}

// printTable prints the medians of all rounds and, of two sides, the first one divided by the
// second.
func printTable(sides []*side, markdown bool) {
	row := rows(38, markdown)
	head := []string{""}
	for _, s := range sides {
		head = append(head, s.name)
	}
	if len(sides) == 2 {
		head = append(head, "ratio")
	}
	// Two spaces before a name show that it belongs to the line above; a Markdown table has no use
	// for them.
	row(head...)
	if markdown {
		row(strings.Split(strings.Repeat("---,", len(head)-1)+"---", ",")...)
	}
	for _, f := range figures {
		cells := []string{strings.TrimSpace(f.name)}
		if !markdown {
			cells[0] = f.name
		}
		var ms []float64
		for _, s := range sides {
			m := median(s.values[f.name])
			ms = append(ms, m)
			cells = append(cells, strings.TrimSpace(number(m)+" "+f.unit))
		}
		if len(ms) == 2 && ms[1] != 0 {
			cells = append(cells, number(ms[0]/ms[1]))
		}
		row(cells...)
	}
}

// number is a figure with three digits that matter.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// median is the middle value, of an even number the mean of the two in the middle; 0 of none.
func median(vs []float64) float64 {
	if len(vs) == 0 {
		return 0
	}
	vs = slices.Sorted(slices.Values(vs))
	if len(vs)%2 == 1 {
		return vs[len(vs)/2]
	}
	return (vs[len(vs)/2-1] + vs[len(vs)/2]) / 2
}

// Both sides drop the data of deleted topics after a second, so that less of it is written to the
// disk during the next load.

// momusArgs starts one momus broker with its own coordination.
func momusArgs(binary string) func(dir string, port, zk int) ([][]string, error) {
	return func(dir string, port, zk int) ([][]string, error) {
		return [][]string{{binary, "quickstart", "--dir", dir, "--port", fmt.Sprint(port), "--zookeeper-port", fmt.Sprint(zk), "--http-port", "-1", "--override", "log.segment.delete.delay.ms=1000"}}, nil
	}
}

// apacheArgs starts ZooKeeper and a broker as Kafka's scripts do, with their heap and collector
// settings. The ZooKeeper runs before the clock starts: Apache Kafka's own start-up is what is
// measured.
func apacheArgs(peers string) (start func(dir string, port, zk int) ([][]string, error), why string) {
	if _, err := exec.LookPath("java"); err != nil {
		return nil, "no java"
	}
	if _, err := os.Stat(filepath.Join(peers, "kafka")); err != nil {
		return nil, "no jars in " + peers + "; fetch them with make peers"
	}
	return func(dir string, port, zk int) ([][]string, error) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		cfg, props, log4j := filepath.Join(dir, "zoo.cfg"), filepath.Join(dir, "server.properties"), filepath.Join(dir, "log4j.properties")
		// The heap and collector of kafka-server-start.sh, which JVM users have; ZooKeeper's is
		// small as in zookeeper-server-start.sh.
		for file, text := range map[string]string{
			cfg: fmt.Sprintf("tickTime=2000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\n", filepath.Join(dir, "zookeeper"), zk),
			props: fmt.Sprintf("broker.id=1\nlisteners=PLAINTEXT://127.0.0.1:%d\nlog.dirs=%s\nzookeeper.connect=127.0.0.1:%d\noffsets.topic.replication.factor=1\n"+
				"transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\ngroup.initial.rebalance.delay.ms=0\nlog.segment.delete.delay.ms=1000\n", port, filepath.Join(dir, "logs"), zk),
			log4j: "log4j.rootLogger=ERROR, stderr\nlog4j.appender.stderr=org.apache.log4j.ConsoleAppender\nlog4j.appender.stderr.layout=org.apache.log4j.SimpleLayout\nlog4j.appender.stderr.Target=System.err\n",
		} {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				return nil, err
			}
		}
		return [][]string{
			{"java", "-Xmx256m", "-Dlog4j.configuration=file:" + log4j, "-cp", filepath.Join(peers, "zookeeper", "*"), "org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg},
			{"java", "-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent",
				"-Dlog4j.configuration=file:" + log4j, "-cp", filepath.Join(peers, "kafka", "*"), "kafka.Kafka", props},
		}, nil
	}, ""
}
