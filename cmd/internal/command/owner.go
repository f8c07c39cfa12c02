package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/internal/jvm"
)

// runAsVariable names the user and group that a process started as root changes to, as UID:GID. The
// container image sets it.
const runAsVariable = "MOMUS_RUN_AS"

// settle prepares the data directories of a process that was started as root in the container
// image, and gives up being root: what Docker or an older image made as root is handed to the user
// of runAsVariable first. It stays root, with a warning, where that user could not read or write
// what is needed, since the images that momus stands in for were root there. Any other user changes
// nothing.
func (e *Env) settle(log *logrus.Logger, dirs, readable []string) error {
	who := e.getenv(runAsVariable)
	if who == "" || !isRoot() {
		return nil
	}
	u, g, _ := strings.Cut(who, ":")
	uid, err := strconv.Atoi(u)
	gid, gidErr := strconv.Atoi(g)
	if g == "" {
		gid, gidErr = uid, nil
	}
	if err != nil || gidErr != nil || uid < 0 || gid < 0 {
		return fmt.Errorf("%s: invalid value %q; valid is UID:GID, for example 1000:0", runAsVariable, who)
	}
	if uid == 0 {
		return nil
	}
	entry := log.WithField("user", who)
	for _, dir := range dirs {
		changed, err := handOver(dir, uid, gid)
		if err != nil {
			entry.WithError(err).WithField("dir", dir).Warn("stays root: the data directory cannot be given to the user")
			return nil
		}
		if changed > 0 {
			entry.WithFields(logrus.Fields{"dir": dir, "files": changed}).Info("gave the data directory to the user")
		}
	}
	for _, file := range readable {
		if !readableBy(file, uid, gid) {
			entry.WithField("file", file).Warn("stays root: only root may read a file of the configuration; chmod a+r or chown it")
			return nil
		}
	}
	if err := become(uid, gid); err != nil {
		entry.WithError(err).Warn("stays root: the container may not change its user")
	}
	return nil
}

// secretFiles are the files that the configuration names and the broker reads later.
func secretFiles(c *configs.Config) []string {
	var out []string
	for k, set := range c.Settings() {
		// ssl.keystore.location and ssl.truststore.location, also with the prefix of a listener.
		if strings.HasSuffix(k, "store.location") && set.Value != "" {
			out = append(out, set.Value)
		}
	}
	for _, name := range []string{jvm.LoginConfig, jvm.Krb5Config} {
		if file, ok := c.Environment().Properties.Get(name); ok {
			out = append(out, file)
		}
	}
	slices.Sort(out)
	return out
}
