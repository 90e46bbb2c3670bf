"""What runs. The command line, settings, the streams process, embedded servers, publishers, replay."""
