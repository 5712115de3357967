"""What evaluates and explains the models; nothing here is needed to train one."""
