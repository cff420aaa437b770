namespace ModelFs.Demo;

/// <summary>A step did not show what it says.</summary>
internal sealed class DemoFailedException(string message) : Exception(message);

/// <summary>The demonstration's page: numbered steps, what was measured in each, and what was expected where that differs.</summary>
internal sealed class DemoScreen(TextWriter output)
{
    private int step;

    public void Title(string text) => output.WriteLine(text);

    public void Step(string title) => output.WriteLine($"\n{++step}. {title}");

    public void Show(string line) => output.WriteLine("   " + line);

    /// <summary>Shows what was found, and stops the demonstration where it is not as it should be.</summary>
    public void Check(bool holds, string found, string expected)
    {
        Show(found);
        if (holds)
            return;
        Show("expected: " + expected);
        throw new DemoFailedException($"step {step} does not hold: {found}; expected: {expected}");
    }
}
