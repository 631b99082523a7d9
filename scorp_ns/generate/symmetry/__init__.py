"""Objects completed without a trained model: by mirror planes, by revolution, otherwise by their visual hull."""
