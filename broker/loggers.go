package broker

import (
	"io"
	"maps"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
)

// loggers are the broker's loggers by Kafka's names. Each has a level of its own or that of the
// nearest named parent (kafka.log for kafka.log.LogManager), at last that of root. kafka-configs
// --entity-type broker-loggers shows and changes them.
type loggers struct {
	// base gives output, form and hooks to all others; its level is that of root at the start.
	base *logrus.Logger

	mu sync.Mutex
	// mu guards both maps; named are the loggers that were asked for by name.
	named  map[string]*logrus.Logger
	levels map[string]logrus.Level // those set, "root" always
}

// rootLogger is what Kafka calls the logger above all others.
const rootLogger = "root"

// kafkaLevels are Kafka's level names in logrus's.
var kafkaLevels = [...]struct {
	name  string
	level logrus.Level
}{
	{"FATAL", logrus.FatalLevel}, {"ERROR", logrus.ErrorLevel}, {"WARN", logrus.WarnLevel}, {"INFO", logrus.InfoLevel}, {"DEBUG", logrus.DebugLevel}, {"TRACE", logrus.TraceLevel},
}

func newLoggers(base *logrus.Logger) *loggers {
	return &loggers{base: base, named: map[string]*logrus.Logger{}, levels: map[string]logrus.Level{rootLogger: base.GetLevel()}}
}

// entry is a logger with a name; all of one name share a level.
func (l *loggers) entry(name string) *logrus.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.named[name]
	if !ok {
		n = &logrus.Logger{Out: l.base.Out, Hooks: l.base.Hooks, Formatter: l.base.Formatter, ReportCaller: l.base.ReportCaller, ExitFunc: l.base.ExitFunc}
		n.SetLevel(l.levelLocked(name))
		l.named[name] = n
	}
	return n.WithField("logger", name)
}

// redirect gives a logger an output and a form of its own. It comes before the logger's first
// entry.
func (l *loggers) redirect(name string, out io.Writer, form logrus.Formatter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &logrus.Logger{Out: out, Hooks: logrus.LevelHooks{}, Formatter: form, ExitFunc: l.base.ExitFunc}
	n.SetLevel(l.levelLocked(name))
	l.named[name] = n
}

// levelLocked is the level of the nearest name above that has one: of kafka.log.LogManager those of
// itself, kafka.log, kafka, root.
func (l *loggers) levelLocked(name string) logrus.Level {
	for {
		if level, ok := l.levels[name]; ok {
			return level
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return l.levels[rootLogger]
		}
		name = name[:i]
	}
}

// Levels lists the effective levels by name, root included.
func (l *loggers) Levels() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]string{rootLogger: levelName(l.levels[rootLogger])}
	for name := range l.levels {
		out[name] = levelName(l.levelLocked(name))
	}
	for name := range l.named {
		out[name] = levelName(l.levelLocked(name))
	}
	return out
}

// SetLevel changes a logger's level; "" removes its own. ok is false when there is no such logger
// or level.
func (l *loggers) SetLevel(name, level string) (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.named[name]; !known && name != rootLogger && !l.isParentLocked(name) {
		return false
	}
	if level == "" {
		if name == rootLogger {
			return false
		}
		delete(l.levels, name)
	} else {
		v, valid := levelOf(level)
		if !valid {
			return false
		}
		l.levels[name] = v
	}
	// Every logger has its own level set, so that logging itself needs no lock.
	for n, logger := range maps.All(l.named) {
		logger.SetLevel(l.levelLocked(n))
	}
	return true
}

// isParentLocked reports whether a logger below this name exists: a level may be given to kafka.log
// although nothing logs under just that name.
func (l *loggers) isParentLocked(name string) bool {
	for n := range l.named {
		if strings.HasPrefix(n, name+".") {
			return true
		}
	}
	return false
}

func levelName(v logrus.Level) string {
	for _, k := range kafkaLevels {
		if k.level == v {
			return k.name
		}
	}
	return "FATAL"
}

func levelOf(name string) (logrus.Level, bool) {
	for _, k := range kafkaLevels {
		if k.name == name {
			return k.level, true
		}
	}
	return 0, false
}
