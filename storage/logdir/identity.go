package logdir

import (
	"errors"
	"fmt"
	"path/filepath"

	"momus/storage/checkpoint"
	"momus/storage/vfs"
)

// Identity is what the log directories say about the broker and the cluster they belong to.
type Identity struct {
	BrokerID  int32  // -1: unknown
	ClusterID string // "": unknown
	File      string // the meta.properties that says so, "" if there is none
	// Offline are the directories whose meta.properties could not be read, with the reason.
	Offline map[string]error
}

// ReadIdentity reads meta.properties in all directories. Directories without one, new ones, do not
// count; two that contradict each other are an error.
func ReadIdentity(fs vfs.FS, dirs []string) (Identity, error) {
	if fs == nil {
		fs = vfs.OS{}
	}
	id := Identity{BrokerID: -1, Offline: map[string]error{}}
	for _, path := range dirs {
		path = clean(path)
		meta, found, err := checkpoint.ReadMeta(fs, path)
		var format *checkpoint.FormatError
		switch {
		// A file that says no broker.id stops the start, as in Kafka; one that cannot be read costs
		// its directory.
		case errors.As(err, &format) && format.Fatal:
			return id, explain(err)
		case err != nil:
			id.Offline[path] = err
			continue
		case !found:
			continue
		}
		file := filepath.Join(path, checkpoint.MetaFile)
		if id.File != "" && (meta.BrokerID != id.BrokerID || meta.ClusterID != id.ClusterID) {
			return id, fmt.Errorf("log.dirs mixes directories of different brokers: %s has broker.id=%d cluster.id=%s, %s has broker.id=%d cluster.id=%s; "+
				"remove the one that is not this broker's from log.dirs", id.File, id.BrokerID, id.ClusterID, file, meta.BrokerID, meta.ClusterID)
		}
		id.BrokerID, id.ClusterID, id.File = meta.BrokerID, meta.ClusterID, file
	}
	return id, nil
}

// CheckCluster compares the directories' cluster id with that of ZooKeeper, clusterID.
func (id *Identity) CheckCluster(clusterID string) error {
	if id.ClusterID == "" || id.ClusterID == clusterID {
		return nil
	}
	return fmt.Errorf("the log directories belong to another cluster: %s says cluster.id=%s, but ZooKeeper (zookeeper.connect) says %s; "+
		"either point zookeeper.connect (with its chroot) at the ensemble of cluster %s, or, if this broker shall join cluster %s and its old data may go, "+
		"empty log.dirs or delete that file", id.File, id.ClusterID, clusterID, id.ClusterID, clusterID)
}

// CheckBroker decides the broker id: that of broker.id (configured, negative for none) and of the
// directories must agree. -1 means that an id has to be generated.
func (id *Identity) CheckBroker(configured int32) (int32, error) {
	switch {
	case configured >= 0 && id.BrokerID >= 0 && configured != id.BrokerID:
		return 0, fmt.Errorf("the log directories belong to another broker: broker.id is configured as %d, but %s says broker.id=%d; "+
			"either set broker.id=%d, or give this broker its own log.dirs", configured, id.File, id.BrokerID, id.BrokerID)
	case configured >= 0:
		return configured, nil
	}
	return id.BrokerID, nil
}

// WriteMeta writes meta.properties into every usable directory, right after the broker has
// registered itself.
func (m *Manager) WriteMeta(brokerID int32, clusterID string) {
	for _, d := range m.dirs {
		if !d.online() {
			continue
		}
		// On every start, as in Kafka: a directory that was added gets its file here.
		if err := checkpoint.WriteMeta(m.fs, d.path, checkpoint.Meta{BrokerID: brokerID, ClusterID: clusterID}, m.now()); err != nil {
			m.fail(d, err)
		}
	}
}
