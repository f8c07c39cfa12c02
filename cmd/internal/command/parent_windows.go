package command

import "golang.org/x/sys/windows"

// parentAlive reports whether the process with this id still runs; an orphan keeps its parent's id
// on Windows.
func parentAlive(began int) bool {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(began))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == uint32(windows.WAIT_TIMEOUT)
}
