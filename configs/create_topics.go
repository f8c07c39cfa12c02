package configs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"momus/internal/shellwords"
)

// TopicSpec is an entry of KAFKA_CREATE_TOPICS.
type TopicSpec struct {
	Name       string
	Partitions int32
	Replicas   int16
	Configs    []TopicSetting // in the order in which they were given
}

// TopicSetting is a config of a topic that is to be created.
type TopicSetting struct{ Key, Value string }

// createTopics reads KAFKA_CREATE_TOPICS. What cannot be read is left out with a warning: in the
// image, too, it does not stop the broker. Confluent's and Bitnami's images do not know the
// variable; files that have it there expect no harm, and get the topics.
func (r *envReader) createTopics() []TopicSpec {
	list, ok := r.vars["KAFKA_CREATE_TOPICS"]
	if !ok {
		return nil
	}
	separator, ok := r.vars["KAFKA_CREATE_TOPICS_SEPARATOR"]
	if !ok {
		separator = ","
	}
	specs, err := ParseCreateTopics(list, separator)
	if err != nil {
		r.warn("KAFKA_CREATE_TOPICS", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return specs
}

// ParseCreateTopics reads name:partitions:replicas[:cleanup.policy] entries. Every character of
// separator separates, as in the shell's IFS; the shell's $'\n' and a plain \n are a newline.
// wurstmeister's script makes a kafka-topics command line of an entry and lets the shell read that,
// so a field may be followed by options: name:3:1:compact --config=segment.ms=1000. Entries that
// cannot be read are named by the error and left out.
func ParseCreateTopics(list, separator string) ([]TopicSpec, error) {
	// $'…' is bash's quotation with escapes.
	if s, ok := strings.CutPrefix(separator, "$'"); ok {
		separator = strings.TrimSuffix(s, "'")
	}
	separator = strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(separator)
	var out []TopicSpec
	var errs []error
	for _, entry := range strings.FieldsFunc(list, func(c rune) bool { return strings.ContainsRune(separator, c) }) {
		entry = strings.Trim(strings.TrimSpace(entry), `"`)
		if entry == "" {
			continue
		}
		spec, err := parseTopicSpec(entry)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q left out: %w", entry, err))
			continue
		}
		out = append(out, spec)
	}
	if errs != nil {
		errs = append(errs, errors.New("the form is name:partitions:replicas[:cleanup.policy], and options such as --config=key=value may follow"))
	}
	return out, errors.Join(errs...)
}

// parseTopicSpec reads an entry of KAFKA_CREATE_TOPICS, name:partitions:replicas[:cleanup.policy],
// as the image's script does: what follows a blank in a field is options for kafka-topics.
func parseTopicSpec(entry string) (TopicSpec, error) {
	// The script reads no further than the fourth field; an option's value may have a colon, so
	// nothing is dropped here.
	f := strings.SplitN(entry, ":", 4)
	if len(f) < 3 || strings.TrimSpace(f[0]) == "" {
		return TopicSpec{}, fmt.Errorf("%d fields", len(f))
	}
	// A blank in a field ends the value: the rest are options of the command that the script makes.
	words, err := commandWords(f[0])
	if err != nil {
		return TopicSpec{}, err
	}
	spec := TopicSpec{Name: words[0]}
	options := words[1:]
	number := func(text, what string, bits int) int64 {
		words, wordErr := commandWords(text)
		if wordErr != nil || len(words) == 0 {
			words = []string{""}
		}
		n, convErr := strconv.ParseInt(words[0], 10, bits)
		if err == nil && (convErr != nil || n < 1) {
			err = fmt.Errorf("%q is not a number of %s", words[0], what)
		}
		options = append(options, words[1:]...)
		return n
	}
	spec.Partitions = int32(number(f[1], "partitions", 32))
	spec.Replicas = int16(number(f[2], "replicas", 16))
	if err != nil {
		return TopicSpec{}, err
	}
	// eval gives the script's command line to the shell, which reads quotation marks in the value.
	if len(f) == 4 && strings.TrimSpace(f[3]) != "" {
		words, err := commandWords("--config=cleanup.policy=" + strings.TrimSpace(f[3]))
		if err != nil {
			return TopicSpec{}, err
		}
		// Before the options, so that an explicit cleanup.policy wins.
		options = append(words, options...)
	}
	spec.Configs, err = topicOptions(options)
	return spec, err
}

// topicOptions reads the options of kafka-topics --create that may follow.
func topicOptions(words []string) ([]TopicSetting, error) {
	var out []TopicSetting
	for i := 0; i < len(words); i++ {
		name, value, joined := strings.Cut(words[i], "=")
		switch name {
		case "--if-not-exists", "--force", "--disable-rack-aware":
			continue
		case "--config":
		default:
			return nil, fmt.Errorf("the option %s is not understood here", name)
		}
		if !joined {
			if i++; i == len(words) {
				return nil, errors.New("--config without key=value")
			}
			value = words[i]
		}
		k, v, ok := strings.Cut(value, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("--config %s is not key=value", value)
		}
		out = append(out, TopicSetting{Key: strings.TrimSpace(k), Value: strings.TrimSpace(v)})
	}
	return out, nil
}

// commandWords splits text into words as a shell does.
func commandWords(text string) ([]string, error) {
	words, _, open := shellwords.Escaped(text)
	if open {
		return nil, errors.New("a quotation mark is not closed")
	}
	return words, nil
}
