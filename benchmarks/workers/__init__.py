"""Fresh processes: launch, progress, interrupts."""
