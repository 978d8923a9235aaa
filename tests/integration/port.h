// Port: a port of a test of our own, as long as the object lives.
//
// A test process reserves a port by locking a file named after it, and holds the lock as long as
// the port may be listened on; so no two tests ever try the same, however many run side by side.
// tests/client/ports.py does the same with the same files.
#pragma once

namespace memoir::testing {

class Port {
 public:
  // Throws if there is none left.
  Port();
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  int number() const { return number_; }
  // Another one instead: somebody who is no test of ours took it.
  void change();

 private:
  void reserve();
  void let_go();

  int number_ = 0;
  int lock_ = -1;
};

}  // namespace memoir::testing
