"""What records tell afterwards. numpy is welcome here; control never imports any of it."""
