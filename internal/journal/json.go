package journal

import (
	"encoding/json"
	"time"
)

// wire is an entry as JSON. Sentence is for people; everything else can be read back.
type wire struct {
	Broker          int32     `json:"broker"`
	ID              uint64    `json:"id"`
	Cause           uint64    `json:"cause,omitempty"`
	Time            time.Time `json:"time"`
	Kind            string    `json:"kind"`
	Reason          string    `json:"reason,omitempty"`
	Name            string    `json:"name,omitempty"`
	Partition       *int32    `json:"partition,omitempty"`
	About           int32     `json:"about"`
	ControllerEpoch int32     `json:"controllerEpoch,omitempty"`
	LeaderEpoch     int32     `json:"epoch,omitempty"`
	From            []int32   `json:"from,omitempty"`
	To              []int32   `json:"to,omitempty"`
	Who             string    `json:"who,omitempty"`
	Old             string    `json:"old,omitempty"`
	New             string    `json:"new,omitempty"`
	Offset          int64     `json:"offset,omitempty"`
	Count           int64     `json:"count,omitempty"`
	TookMs          float64   `json:"tookMs,omitempty"`
	Number          int64     `json:"number,omitempty"`
	Sentence        string    `json:"sentence"`
}

// JSON is the entry with its sentence in a language, on one line.
func (e *Entry) JSON(l Lang) ([]byte, error) {
	w := wire{Broker: e.Broker, ID: e.ID, Cause: e.Cause, Time: e.Time.UTC(), Kind: e.Kind.String(), Reason: e.Reason.String(), Name: e.Name, About: e.About,
		ControllerEpoch: e.ControllerEpoch, LeaderEpoch: e.LeaderEpoch, From: e.From, To: e.To, Who: e.Who, Old: e.Old, New: e.New, Offset: e.Offset,
		Count: e.Count, TookMs: float64(e.Took) / float64(time.Millisecond), Number: e.Number, Sentence: e.Sentence(l)}
	if e.Kind.ofPartition() {
		w.Partition = &e.Partition
	}
	return json.Marshal(&w)
}

// UnmarshalJSON reads what JSON has written. A kind of a newer version keeps its fields and is 0.
func (e *Entry) UnmarshalJSON(b []byte) error {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	kind, _ := ParseKind(w.Kind)
	*e = Entry{Broker: w.Broker, ID: w.ID, Cause: w.Cause, Time: w.Time, Kind: kind, Reason: ParseReason(w.Reason), Name: w.Name, About: w.About,
		ControllerEpoch: w.ControllerEpoch, LeaderEpoch: w.LeaderEpoch, From: w.From, To: w.To, Who: w.Who, Old: w.Old, New: w.New, Offset: w.Offset,
		Count: w.Count, Took: time.Duration(w.TookMs * float64(time.Millisecond)), Number: w.Number}
	if w.Partition != nil {
		e.Partition = *w.Partition
	}
	e.bound()
	return nil
}
