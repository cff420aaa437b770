namespace ModelFs.Cache.Fetching;

internal enum FetchPurpose
{
    /// <summary>A reader waits for its blocks.</summary>
    Demand,

    /// <summary>A reader comes nearer: its blocks stay in memory for it.</summary>
    Ahead,

    /// <summary>The object shall be complete: its blocks go to the disk and out of memory.</summary>
    Completion,
}
