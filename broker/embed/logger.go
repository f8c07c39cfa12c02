package embed

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"slices"

	"github.com/sirupsen/logrus"
)

// levels pairs logrus' levels with slog's, from the most to the least talkative.
var levels = [...]struct {
	logrus logrus.Level
	slog   slog.Level
}{
	{logrus.TraceLevel, slog.LevelDebug - 4},
	{logrus.DebugLevel, slog.LevelDebug},
	{logrus.InfoLevel, slog.LevelInfo},
	{logrus.WarnLevel, slog.LevelWarn},
	{logrus.ErrorLevel, slog.LevelError},
}

// newLogger makes a logger whose lines go to a handler of log/slog; nil discards them.
func newLogger(h slog.Handler) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	l.SetFormatter(silent{})
	l.SetLevel(logrus.PanicLevel)
	if h == nil {
		return l
	}
	for _, level := range levels {
		if h.Enabled(context.Background(), level.slog) {
			l.SetLevel(level.logrus)
			break
		}
	}
	l.AddHook(bridge{h})
	return l
}

// silent formats nothing: the hook has the entry.
type silent struct{}

func (silent) Format(*logrus.Entry) ([]byte, error) { return nil, nil }

// bridge hands entries to a slog.Handler.
type bridge struct{ handler slog.Handler }

func (bridge) Levels() []logrus.Level { return logrus.AllLevels }

func (b bridge) Fire(e *logrus.Entry) error {
	level := slog.LevelError
	for _, l := range levels {
		if l.logrus == e.Level {
			level = l.slog
		}
	}
	ctx := context.Background()
	if !b.handler.Enabled(ctx, level) {
		return nil
	}
	record := slog.NewRecord(e.Time, level, e.Message, caller(e.Caller))
	names := make([]string, 0, len(e.Data))
	for name := range e.Data {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := e.Data[name]
		if err, ok := value.(error); ok {
			value = err.Error()
		}
		record.AddAttrs(slog.Any(name, value))
	}
	return b.handler.Handle(ctx, record)
}

func caller(f *runtime.Frame) uintptr {
	if f == nil {
		return 0
	}
	return f.PC
}
