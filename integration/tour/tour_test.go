//go:build interop || tour

package tour

import (
	"fmt"
	"testing"
	"time"

	"momus/integration/testkit"
)

func TestCourseRunsAsItSays(t *testing.T) {
	for _, lang := range []string{"en", "ko"} {
		for _, brokers := range clusterSizes {
			t.Run(fmt.Sprintf("%s-%d", lang, brokers), func(t *testing.T) {
				testkit.Run(t, 8*time.Minute, testkit.Spec{Args: []string{testkit.Binary(t), "tour", "--auto", "--lang", lang, "--brokers", fmt.Sprint(brokers), "--dir", t.TempDir()}})
			})
		}
	}
}
