def agree(n, seed): raise NotImplementedError
