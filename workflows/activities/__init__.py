"""Side effects of the workflows: classes that hold their clients, one model in, one out."""
