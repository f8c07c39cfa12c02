// Package logdirs is kafka-log-dirs: the size of replicas in the directories of brokers (KIP-113).
package logdirs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
)

// logDirsOptions are those of kafka.admin.LogDirsCommand (KIP-113), and --json, with which the
// document stands alone, without the two lines before it.
func logDirsOptions() *options.Options {
	return options.Read("This tool helps to query log directory usage on the specified brokers.", `
		--bootstrap-server <HOST:PORT,…>  brokers to begin with
		--command-config <FILE>           properties of the client
		--describe                        show the log directories
		--topic-list <TOPIC,…>            only these topics
		--broker-list <ID,…>              only these brokers
	`).JSON().Standard().Requires("bootstrap-server", "describe")
}

// The document of kafka-log-dirs, keys in Kafka's order.
type (
	logDirsDocument struct {
		Version int             `json:"version"`
		Brokers []logDirsBroker `json:"brokers"`
	}
	logDirsBroker struct {
		Broker int32     `json:"broker"`
		Dirs   []logDirs `json:"logDirs"`
	}
	logDirs struct {
		Dir        string             `json:"logDir"`
		Error      *string            `json:"error"`
		Partitions []logDirsPartition `json:"partitions"`
	}
	logDirsPartition struct {
		Partition string `json:"partition"`
		Size      int64  `json:"size"`
		Lag       int64  `json:"offsetLag"`
		Future    bool   `json:"isFuture"`
	}
)

// Tool is kafka-log-dirs.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-log-dirs", Help: "show the size of replicas in the log directories", Class: "kafka.admin.LogDirsCommand",
		Values: map[string]core.Values{"broker-list": core.ValueBrokerIDs | core.ValueList}}.
		Begun(logDirsOptions, core.WithTexts(logDirsTool, "topic-list", "broker-list"))
}

// logDirsTool prints two lines of progress and the JSON of Kafka's tool; --json prints a document
// alone.
func logDirsTool(ctx context.Context, c *core.Call, o *options.Options, texts map[string]string) error {
	a, err := clients.OpenAdmin(c, o, map[string]string{"client.id": "log-dirs-tool"})
	if err != nil {
		return err
	}
	defer a.Close()
	form := c.Form(o)
	ids, err := brokerList(a, ctx, texts["broker-list"])
	if err != nil {
		return err
	}
	if form == screen.Exact {
		c.Println("Querying brokers for log directories information")
	}
	wanted := func(string) bool { return true }
	if list := commaList(texts["topic-list"]); len(list) > 0 {
		wanted = func(t string) bool { return slices.Contains(list, t) }
	}
	doc := logDirsDocument{Version: 1, Brokers: []logDirsBroker{}}
	// The request names no topics, which means all of them; what is not wanted is left out of the
	// answer, as in Kafka.
	for _, id := range ids {
		resp, err := clients.BrokerRequest[*kmsg.DescribeLogDirsResponse](ctx, a, "describeLogDirs", id, kmsg.NewPtrDescribeLogDirsRequest())
		if err != nil {
			return java.Execution(err)
		}
		doc.Brokers = append(doc.Brokers, logDirsBroker{Broker: id, Dirs: readLogDirs(resp, wanted)})
	}
	if form != screen.Exact {
		return c.Show(form, &doc)
	}
	c.Printf("Received log directory information from brokers %s\n", core.JoinIDs(ids))
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	// Directories may have & or < in their names, which Go would escape and Java does not.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return err
	}
	c.Printf("%s", b.String())
	return nil
}

// commaList splits at commas; Kafka drops what is empty, so that a list of commas alone is no list.
func commaList(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(w string) bool { return w == "" })
}

// brokerList reads a list of ids; without one it is all brokers.
func brokerList(a *clients.Admin, ctx context.Context, list string) ([]int32, error) {
	var ids []int32
	if list != "" {
		for _, w := range commaList(list) {
			n, err := strconv.ParseInt(w, 10, 32)
			if err != nil {
				return nil, &java.Error{Class: "java.lang.NumberFormatException", Text: fmt.Sprintf("For input string: %q", w)}
			}
			ids = append(ids, int32(n))
		}
		return ids, nil
	}
	// Metadata of no topics at all: only the brokers are asked for.
	resp, err := a.Metadata(ctx, "listNodes", []string{})
	if err != nil {
		return nil, java.Execution(err)
	}
	for _, b := range resp.Brokers {
		ids = append(ids, b.NodeID)
	}
	slices.Sort(ids)
	return ids, nil
}

// readLogDirs reads an answer; a directory that failed has an error and no partitions.
func readLogDirs(resp *kmsg.DescribeLogDirsResponse, wanted func(topic string) bool) []logDirs {
	out := []logDirs{}
	for _, d := range resp.Dirs {
		x := logDirs{Dir: d.Dir, Partitions: []logDirsPartition{}}
		if e := java.OfCode(d.ErrorCode, nil); e != nil {
			x.Error = kmsg.StringPtr(e.ToString())
		}
		for _, t := range d.Topics {
			if !wanted(t.Topic) {
				continue
			}
			for _, p := range t.Partitions {
				x.Partitions = append(x.Partitions, logDirsPartition{fmt.Sprintf("%s-%d", t.Topic, p.Partition), p.Size, p.OffsetLag, p.IsFuture})
			}
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b logDirs) int { return strings.Compare(a.Dir, b.Dir) })
	return out
}

// Tables implements screen.View: a table a broker, of directories and the replicas in them.
func (d *logDirsDocument) Tables() []screen.Table {
	var out []screen.Table
	for _, b := range d.Brokers {
		for _, dir := range b.Dirs {
			t := screen.Table{Title: fmt.Sprintf("Broker %d, %s, %s", b.Broker, dir.Dir, core.Plural(len(dir.Partitions), "replica")), Header: []string{"PARTITION", "SIZE", "LAG", ""}, Right: []string{"SIZE", "LAG"}}
			if dir.Error != nil {
				t.Title += ", " + *dir.Error
			}
			// Largest first: who asks is looking for what fills a disk.
			slices.SortFunc(dir.Partitions, func(a, b logDirsPartition) int { return cmp.Compare(b.Size, a.Size) })
			for _, p := range dir.Partitions {
				row := screen.Cells(p.Partition, sizeText(p.Size), core.Itoa(p.Lag), "")
				if p.Lag > 0 {
					row[2].Mood = screen.Warning
				}
				if p.Future {
					row[3] = screen.Cell{Text: "moving here", Mood: screen.Warning}
				}
				t.Rows = append(t.Rows, row)
			}
			out = append(out, t)
		}
	}
	return out
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n)/(1<<10), "KMGT"
	for v >= 1<<10 && len(units) > 1 {
		v, units = v/(1<<10), units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", v, units[0])
}
