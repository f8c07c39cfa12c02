package consumergroups

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/java"
	"momus/internal/model"
)

// resetPlan is what a file of --from-file says, by groups.
type resetPlan map[string]map[model.TopicPartition]int64

// planLine is a line of such a file: the group is "" in a file for a single one.
type planLine struct {
	group  string
	tp     model.TopicPartition
	offset int64
}

// parsePlan reads topic,partition,offset for a single group, and group,topic,partition,offset for
// several, as Kafka does: the first line decides which of them a file for a single group has.
// Columns that are missing at the end of a line are 0.
func parsePlan(data string, groups []string) (resetPlan, error) {
	lines := strings.Split(strings.TrimRight(data, "\n"), "\n")
	single := ""
	if len(groups) == 1 {
		// One group: the columns of the first line tell which form the file has.
		if _, err := parsePlanLine(lines[0], false); err == nil {
			single = groups[0]
		}
	}
	out := resetPlan{}
	for _, text := range lines {
		l, err := parsePlanLine(text, single == "")
		if err != nil {
			return nil, err
		}
		if single != "" {
			l.group = single
		}
		if l.offset < 0 {
			return nil, java.IllegalArgument("Invalid negative offset")
		}
		if out[l.group] == nil {
			out[l.group] = map[model.TopicPartition]int64{}
		}
		out[l.group][l.tp] = l.offset
	}
	return out, nil
}

// jackson is the package of the exceptions of the CSV reader.
const jackson = "com.fasterxml.jackson.databind.exc."

// parsePlanLine reads one line; its errors are those of the library that Kafka reads it with.
func parsePlanLine(text string, grouped bool) (planLine, error) {
	r := csv.NewReader(strings.NewReader(text))
	// Jackson's CSV reads quotes in the middle of a word as they are.
	r.LazyQuotes = true
	fields, err := r.Read()
	if err != nil {
		return planLine{}, &java.Error{Class: jackson + "MismatchedInputException", Text: "No content to map due to end-of-input"}
	}
	var l planLine
	if grouped {
		l.group, fields = fields[0], fields[1:]
	}
	if len(fields) > 3 {
		return planLine{}, &java.Error{Class: "com.fasterxml.jackson.dataformat.csv.CsvMappingException", Text: "Too many entries: expected at most 3"}
	}
	// Missing columns are 0 or "", as Jackson fills a case class.
	fields = append(fields, "", "", "")
	l.tp.Topic = fields[0]
	partition, err := planNumber(fields[1], "int", "Integer", 32)
	if err != nil {
		return planLine{}, err
	}
	l.tp.Partition = int32(partition)
	l.offset, err = planNumber(fields[2], "long", "Long", 64)
	return l, err
}

// planNumber reads a number of so many bits; an empty one is 0.
func planNumber(text, kind, class string, bits int) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, bits)
	if errors.Is(err, strconv.ErrSyntax) || errors.Is(err, strconv.ErrRange) {
		return 0, &java.Error{Class: jackson + "InvalidFormatException",
			Text: fmt.Sprintf("Cannot deserialize value of type `%s` from String %q: not a valid %s value", kind, text, class)}
	}
	return n, err
}
