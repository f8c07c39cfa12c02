package zkserver

import (
	"slices"
)

// watchKind tells the two kinds of watches apart: on a node's existence and data, and on its
// children.
type watchKind int

const (
	kindData watchKind = iota
	kindChild
	watchKinds
)

// watchTable holds the one-shot watches of all clients, and queues what fires for emit to deliver.
type watchTable struct {
	byPath   [watchKinds]map[string][]*client // in the order they were set
	byClient [watchKinds]map[*client]map[string]struct{}
	emit     func(c *client, event int32, path string)
}

func newWatchTable() *watchTable {
	w := &watchTable{emit: func(*client, int32, string) {}}
	for k := range w.byPath {
		w.byPath[k] = make(map[string][]*client)
		w.byClient[k] = make(map[*client]map[string]struct{})
	}
	return w
}

// add sets a watch; a second one of the same client on the same path changes nothing.
func (w *watchTable) add(k watchKind, path string, c *client) {
	paths := w.byClient[k][c]
	if paths == nil {
		paths = make(map[string]struct{})
		w.byClient[k][c] = paths
	}
	if _, exists := paths[path]; exists {
		return
	}
	paths[path] = struct{}{}
	w.byPath[k][path] = append(w.byPath[k][path], c)
}

// remove takes one watch away and says whether it was there.
func (w *watchTable) remove(k watchKind, path string, c *client) bool {
	paths := w.byClient[k][c]
	if _, exists := paths[path]; !exists {
		return false
	}
	delete(paths, path)
	w.unlink(k, path, c)
	return true
}

func (w *watchTable) has(k watchKind, path string, c *client) bool {
	_, exists := w.byClient[k][c][path]
	return exists
}

func (w *watchTable) unlink(k watchKind, path string, c *client) {
	clients := slices.DeleteFunc(w.byPath[k][path], func(other *client) bool { return other == c })
	if len(clients) == 0 {
		delete(w.byPath[k], path)
	} else {
		w.byPath[k][path] = clients
	}
}

// forget takes away all watches of a client whose connection has ended.
func (w *watchTable) forget(c *client) {
	for k := range watchKinds {
		for path := range w.byClient[k][c] {
			w.unlink(k, path, c)
		}
		delete(w.byClient[k], c)
	}
}

// fire removes the watches of one kind on path and emits event to their clients, except to those in
// told; it returns the clients that had such a watch.
func (w *watchTable) fire(k watchKind, path string, event int32, told []*client) []*client {
	clients := w.byPath[k][path]
	if len(clients) == 0 {
		return nil
	}
	delete(w.byPath[k], path)
	// Also told ones lose their watch.
	for _, c := range clients {
		delete(w.byClient[k][c], path)
		if !slices.Contains(told, c) {
			w.emit(c, event, path)
		}
	}
	return clients
}

// count returns the number of watches of one kind, their paths and the clients that have ever set
// one.
func (w *watchTable) count(k watchKind) (watches, paths, clients int) {
	for _, p := range w.byClient[k] {
		watches += len(p)
	}
	return watches, len(w.byPath[k]), len(w.byClient[k])
}
