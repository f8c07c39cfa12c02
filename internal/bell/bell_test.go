package bell

import "testing"

func TestManyRingsAreHeardOnce(t *testing.T) {
	b := New()
	b.Ring()
	b.Ring()
	<-b
	select {
	case <-b:
		t.Error("heard twice")
	default:
	}
	b.Ring()
	<-b
}
