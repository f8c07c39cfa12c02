package tool

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
)

func logDirsOptions() *options {
	o := newOptions("This tool helps to query log directory usage on the specified brokers.")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.value("command-config", "FILE", "properties of the client")
	o.flag("describe", "show the log directories")
	o.value("topic-list", "TOPIC,…", "only these topics")
	o.value("broker-list", "ID,…", "only these brokers")
	o.json()
	return o.standard()
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

// registerLogDirsTool is kafka-log-dirs.sh.
func registerLogDirsTool() Tool {
	return Tool{Name: "kafka-log-dirs", Help: "show the size of replicas in the log directories", run: logDirsTool,
		Class:   "kafka.admin.LogDirsCommand",
		Options: tableOf(logDirsOptions),
		Values:  map[string]Values{"broker-list": valueBrokerIDs | valueList}}
}

func logDirsTool(ctx context.Context, c *call) error {
	o := logDirsOptions()
	if err := c.begin(o, ""); err != nil {
		return err
	}
	if err := o.require("bootstrap-server", "describe"); err != nil {
		return err
	}
	texts, err := o.texts("bootstrap-server", "command-config", "topic-list", "broker-list")
	if err != nil {
		return err
	}
	a, err := c.adminFor(texts["bootstrap-server"], texts["command-config"], map[string]string{"client.id": "log-dirs-tool"})
	if err != nil {
		return err
	}
	defer a.Close()
	form := c.form(o)
	ids, err := a.brokerList(ctx, texts["broker-list"])
	if err != nil {
		return err
	}
	if form == formExact {
		c.println("Querying brokers for log directories information")
	}
	wanted := func(string) bool { return true }
	if texts["topic-list"] != "" {
		list := strings.Split(texts["topic-list"], ",")
		wanted = func(t string) bool { return slices.Contains(list, t) }
	}
	doc := logDirsDocument{Version: 1, Brokers: []logDirsBroker{}}
	for _, id := range ids {
		resp, err := brokerRequest[*kmsg.DescribeLogDirsResponse](ctx, a, "describeLogDirs", id, kmsg.NewPtrDescribeLogDirsRequest())
		if err != nil {
			return execution(err)
		}
		doc.Brokers = append(doc.Brokers, logDirsBroker{Broker: id, Dirs: readLogDirs(resp, wanted)})
	}
	if form != formExact {
		return c.show(form, &doc)
	}
	c.printf("Received log directory information from brokers %s\n", joinIDs(ids))
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return err
	}
	c.printf("%s", b.String())
	return nil
}

// brokerList reads a list of ids; without one it is all brokers.
func (a *adminClient) brokerList(ctx context.Context, list string) ([]int32, error) {
	var ids []int32
	if list != "" {
		for _, w := range strings.Split(list, ",") {
			n, err := strconv.ParseInt(w, 10, 32)
			if err != nil {
				return nil, &javaError{class: "java.lang.NumberFormatException", text: fmt.Sprintf("For input string: %q", w)}
			}
			ids = append(ids, int32(n))
		}
		return ids, nil
	}
	resp, err := a.metadata(ctx, "listNodes", []string{})
	if err != nil {
		return nil, execution(err)
	}
	for _, b := range resp.Brokers {
		ids = append(ids, b.NodeID)
	}
	slices.Sort(ids)
	return ids, nil
}

func readLogDirs(resp *kmsg.DescribeLogDirsResponse, wanted func(topic string) bool) []logDirs {
	out := []logDirs{}
	for _, d := range resp.Dirs {
		x := logDirs{Dir: d.Dir, Partitions: []logDirsPartition{}}
		if e := apiError(d.ErrorCode, nil); e != nil {
			x.Error = kmsg.StringPtr(e.java())
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

func (d *logDirsDocument) tables() []viewTable {
	var out []viewTable
	for _, b := range d.Brokers {
		for _, dir := range b.Dirs {
			t := viewTable{title: fmt.Sprintf("Broker %d, %s, %s", b.Broker, dir.Dir, plural(len(dir.Partitions), "replica")), header: []string{"PARTITION", "SIZE", "LAG", ""}, right: []string{"SIZE", "LAG"}}
			if dir.Error != nil {
				t.title += ", " + *dir.Error
			}
			slices.SortFunc(dir.Partitions, func(a, b logDirsPartition) int { return cmp.Compare(b.Size, a.Size) })
			for _, p := range dir.Partitions {
				row := cells(p.Partition, sizeText(p.Size), itoa(p.Lag), "")
				if p.Lag > 0 {
					row[2].mood = warning
				}
				if p.Future {
					row[3] = cell{"moving here", warning}
				}
				t.rows = append(t.rows, row)
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
