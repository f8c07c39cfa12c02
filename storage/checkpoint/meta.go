package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/magiconair/properties"

	"momus/storage/vfs"
)

// Meta is the identity of a log directory as in meta.properties, version 0.
type Meta struct {
	BrokerID  int32
	ClusterID string // empty: none, as written by brokers before 0.10.1
}

// ReadMeta reads DIR/meta.properties and removes a left-over temporary file. found is false if
// there is no such file. A *FormatError that is Fatal (no usable broker.id) stops a broker; another
// version takes the directory offline.
func ReadMeta(f vfs.FS, dir string) (m Meta, found bool, err error) {
	path := filepath.Join(dir, MetaFile)
	if err := f.Remove(path + ".tmp"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Meta{}, false, fmt.Errorf("remove temporary file: %w", err)
	}
	content, err := vfs.ReadFile(f, path)
	if errors.Is(err, fs.ErrNotExist) {
		return Meta{}, false, nil
	}
	if err != nil {
		return Meta{}, false, fmt.Errorf("read broker identity: %w", err)
	}
	m, err = parseMeta(path, content)
	return m, err == nil, err
}

func parseMeta(path string, content []byte) (Meta, error) {
	loader := properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}
	p, err := loader.LoadBytes(content)
	if err != nil {
		return Meta{}, &FormatError{Path: path, Reason: err.Error(), Fatal: true}
	}
	version, ok := p.Get("version")
	if !ok {
		return Meta{}, &FormatError{Path: path, Reason: "version is missing", Fatal: true}
	}
	if v, err := strconv.Atoi(strings.TrimSpace(version)); err != nil {
		return Meta{}, &FormatError{Path: path, Reason: fmt.Sprintf("version %q is not a number", version), Fatal: true}
	} else if v != 0 {
		return Meta{}, &FormatError{Path: path, Reason: fmt.Sprintf("version %d is not known, only 0 is", v)}
	}
	text, ok := p.Get("broker.id")
	if !ok {
		return Meta{}, &FormatError{Path: path, Reason: "broker.id is missing", Fatal: true}
	}
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil || id < 0 {
		return Meta{}, &FormatError{Path: path, Reason: fmt.Sprintf("broker.id %q is not a number of 0 or more", text), Fatal: true}
	}
	return Meta{BrokerID: int32(id), ClusterID: p.GetString("cluster.id", "")}, nil
}

// WriteMeta replaces DIR/meta.properties; now goes into its comment.
func WriteMeta(f vfs.FS, dir string, m Meta, now time.Time) error {
	var b strings.Builder
	fmt.Fprintf(&b, "#\n#%s\nbroker.id=%d\nversion=0\n", now.Format("Mon Jan 02 15:04:05 MST 2006"), m.BrokerID)
	if m.ClusterID != "" {
		fmt.Fprintf(&b, "cluster.id=%s\n", m.ClusterID)
	}
	if err := vfs.WriteFileAtomic(f, filepath.Join(dir, MetaFile), []byte(b.String()), true); err != nil {
		return fmt.Errorf("write broker identity: %w", err)
	}
	return nil
}

// HasCleanShutdown tells whether DIR has the marker of a clean stop.
func HasCleanShutdown(f vfs.FS, dir string) (bool, error) {
	_, err := f.Stat(filepath.Join(dir, CleanShutdownFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// WriteCleanShutdown creates the marker, the last thing of a clean stop.
func WriteCleanShutdown(f vfs.FS, dir string) error {
	file, err := vfs.Create(f, filepath.Join(dir, CleanShutdownFile))
	if err != nil {
		return fmt.Errorf("write marker of a clean stop: %w", err)
	}
	return file.Close()
}

// RemoveCleanShutdown removes the marker if it is there, and makes that durable: a marker that
// comes back after a power failure would suppress a recovery.
func RemoveCleanShutdown(f vfs.FS, dir string) error {
	err := f.Remove(filepath.Join(dir, CleanShutdownFile))
	// If it is not there, a process that died may have removed it without making that durable.
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = f.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("remove marker of a clean stop: %w", err)
	}
	return nil
}
