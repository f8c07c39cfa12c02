package command

import (
	"io"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"momus/configs"
)

// newLogger makes the process's logger; level and format are those of the configuration keys.
func newLogger(w io.Writer, level, format string) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(w)
	if parsed, err := logrus.ParseLevel(level); err == nil {
		l.SetLevel(parsed)
	}
	if format == "json" {
		l.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano})
	} else {
		l.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "2006-01-02 15:04:05.000", DisableColors: true})
	}
	return l
}

// logConfiguration says once what a person should know about the settings.
func logConfiguration(log *logrus.Logger, c *configs.Config, warnings []configs.Warning) {
	entry := log.WithField("logger", "kafka.server.KafkaConfig")
	for _, w := range warnings {
		entry.Warn(w.String())
	}
	if c == nil {
		return
	}
	if d := c.Environment().Dialect; d != configs.NoDialect {
		entry.WithFields(logrus.Fields{"image": d.String(), "because": c.Environment().DialectReason, "decide_with": configs.DialectVariable}).
			Info("read the environment as that image does")
	}
	if keys := c.NoEffect(); len(keys) > 0 {
		entry.WithField("keys", strings.Join(keys, " ")).Info("accepted settings that have no effect here")
	}
}
