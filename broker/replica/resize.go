package replica

import "momus/internal/model"

// handOver gives partitions to other fetchers when num.replica.fetchers has changed and they belong
// there (Kafka's resizeThreadPool). The fetcher does it itself between two rounds, when nothing
// that was fetched for them is waiting to be appended; they go on at their high watermarks. A
// partition whose role changes meanwhile is left to LeaderAndIsr.
func (f *fetcher) handOver() {
	fetchers := f.m.opts.Settings().Fetchers
	if fetchers == f.among {
		return
	}
	f.among = fetchers
	var moved []assigned
	var tps []model.TopicPartition
	f.mu.Lock()
	for _, s := range f.mu.order {
		if fetcherID(s.p.tp, fetchers) != f.key.id {
			moved, tps = append(moved, assigned{p: s.p}), append(tps, s.p.tp)
		}
	}
	f.mu.Unlock()
	if len(moved) == 0 {
		return
	}
	f.remove(tps)
	f.fm.add(moved)
	f.fm.stopIdle()
}
